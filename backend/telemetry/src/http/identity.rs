//! What every request gets besides measurement: an id, taken from `X-Request-Id` or made, and a span that carries it and
//! continues the caller's trace.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use super::route;
use crate::traces;

const REQUEST_ID: &str = "x-request-id";

/// Longer ids would be a way to fill the logs.
const LONGEST_ID: usize = 64;

tokio::task_local! {
    static CURRENT_ID: String;
}

/// The id of the request under way; empty outside of one.
pub fn current_request_id() -> String {
    CURRENT_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request its id and its span, and the answer the id. A middleware for `axum::middleware::from_fn`.
pub async fn identify(mut request: Request, next: Next) -> Response {
    let brought = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
    let id = brought.filter(usable).map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
    route::find(&mut request);
    let route = route::matched(request.extensions()).unwrap_or(super::UNMATCHED);
    let method = request.method();
    // Of the gravest level, so that LOG__LEVEL=error still gives its lines the request's id.
    let span = tracing::error_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        request_id = id,
        %method,
        route,
        trace_id = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    );
    traces::continue_trace(&span, request.headers());
    if let Some(trace_id) = traces::trace_id(&span) {
        span.record("trace_id", trace_id);
    }
    let value = HeaderValue::from_str(&id).ok();
    let mut response = CURRENT_ID.scope(id, next.run(request).instrument(span.clone())).await;
    span.record("http.response.status_code", response.status().as_u16());
    // As OpenTelemetry's conventions have it: an answer of 4xx is no error of the server's span.
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
