//! A service with every shape of answer that measuring must get right; `tests/shapes.rs` asks it over HTTP.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use belfry_telemetry::catalogue::LATENCY_SECONDS;
use belfry_telemetry::{Telemetry, catalogue, shutdown_signal};
use futures::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use tower::service_fn;

catalogue! {
    /// Time to pack a thing.
    histogram PACKING_DURATION_SECONDS = "shapes_packing_duration_seconds" {} buckets LATENCY_SECONDS;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let telemetry = Telemetry::from_env("shapes", env!("CARGO_PKG_VERSION"), ROWS)?;
    let things = Router::new().route("/things/{id}", get(async || "a thing"));
    let router = Router::new()
        .nest("/api", Router::new().nest("/{version}", things))
        .route("/stream/{pieces}/{pause_ms}", get(stream))
        .route("/pack/{seconds}", get(async |Path(seconds): Path<f64>| PACKING_DURATION_SECONDS.record(seconds)))
        .route("/broken", get(broken))
        .route("/events", get(events))
        .route("/slow", get(slow))
        .route("/panic", get(panics))
        .route("/empty", any(async || StatusCode::NO_CONTENT))
        .route("/echo", post(async |body: Bytes| body))
        .route("/unread", post(async || "no, thanks"))
        .route("/zero", get(async || ([(header::CONTENT_LENGTH, "0")], Body::from_stream(stream::empty::<Piece>()))))
        .route("/late-panic", get(late_panic))
        .route("/upgrade", get(upgrade))
        .nest_service("/static", service_fn(async |_: Request| Ok::<_, Infallible>("a file".into_response())))
        .route("/calls", get(async || axum::Json(belfry_telemetry::traces::trace_headers())));
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, telemetry.observe(router)).with_graceful_shutdown(shutdown_signal()).await?)
}

type Piece = Result<Bytes, Infallible>;

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

/// A stream that panics after its first piece.
#[expect(clippy::panic, reason = "what this route is for")]
async fn late_panic() -> Response {
    let pieces =
        stream::iter(0..2).map(|piece| if piece == 0 { Piece::Ok("0123456789".into()) } else { panic!("a late bug") });
    Body::from_stream(pieces).into_response()
}

/// A connection that goes over to a protocol that says everything back.
async fn upgrade(mut request: Request) -> impl IntoResponse {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let connection = TokioIo::new(upgraded.await?);
        let (mut from, mut to) = tokio::io::split(connection);
        tokio::io::copy(&mut from, &mut to).await?;
        anyhow::Ok(())
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")])
}
