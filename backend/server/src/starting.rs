//! What is answered before the service stands: alive, not ready. A migration may take minutes, in which an orchestrator
//! must neither send requests nor think the process dead.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::request::Json;

/// Answers on `listener` until the guard is dropped.
pub fn answer(listener: TcpListener) -> DropGuard {
    let ended = CancellationToken::new();
    let router = Router::new().route("/livez", get(async || "ok")).fallback(not_yet);
    let server = axum::serve(listener, router).with_graceful_shutdown(ended.clone().cancelled_owned());
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::warn!(cause = %error, "nothing was answered while the service started");
        }
    });
    ended.drop_guard()
}

async fn not_yet() -> impl IntoResponse {
    let answer = Json(json!({ "ready": false, "message": "starting" }));
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], answer)
}
