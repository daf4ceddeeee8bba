//! A service with every shape of answer that measuring must get right; `tests/shapes.rs` asks it over HTTP.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use belfry_telemetry::{Telemetry, asked_to_stop};
use futures::{StreamExt, stream};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let telemetry = Telemetry::from_env("shapes", env!("CARGO_PKG_VERSION"), &[])?;
    let things = Router::new().route("/things/{id}", get(async || "a thing"));
    let router = Router::new()
        .nest("/api", Router::new().nest("/{version}", things))
        .route("/stream/{pieces}/{pause_ms}", get(stream))
        .route("/broken", get(broken))
        .route("/events", get(events))
        .route("/switch", get(async || StatusCode::SWITCHING_PROTOCOLS))
        .route("/slow", get(slow))
        .route("/panic", get(panics))
        .route("/empty", any(async || StatusCode::NO_CONTENT))
        .route("/echo", post(async |body: Bytes| body))
        .route("/calls", get(async || axum::Json(belfry_telemetry::traces::outgoing_headers())));
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, telemetry.observe(router)).with_graceful_shutdown(asked_to_stop()).await?)
}

/// Pieces of ten bytes with a pause before each.
async fn stream(Path((pieces, pause_ms)): Path<(usize, u64)>) -> Response {
    let pieces = stream::iter(0..pieces).then(move |_| async move {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        Ok::<_, Infallible>("0123456789")
    });
    Body::from_stream(pieces).into_response()
}

/// A stream that fails after its first piece.
async fn broken() -> Response {
    Body::from_stream(stream::iter([Ok("0123456789"), Err(std::io::Error::other("the source went away"))]))
        .into_response()
}

async fn events() -> impl IntoResponse {
    Sse::new(stream::iter([Ok::<_, Infallible>(Event::default().data("first"))]).chain(stream::pending()))
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "at last"
}

#[expect(clippy::panic, reason = "what this route is for")]
async fn panics() {
    panic!("a bug")
}
