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
const MAX_ID_LENGTH: usize = 64;

tokio::task_local! {
    static CURRENT_ID: String;
}

/// The id of the request that this task handles; empty outside of one.
///
/// ```
/// async fn handler() -> String {
///     format!("your request is {}", belfry_telemetry::http::current_request_id())
/// }
/// # let _ = handler;
/// ```
pub fn current_request_id() -> String {
    CURRENT_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request its id and its span, and the response the id. A middleware for `axum::middleware::from_fn`;
/// [`Telemetry::observe`](crate::Telemetry::observe) adds it.
///
/// ```
/// let router: axum::Router = axum::Router::new().layer(axum::middleware::from_fn(belfry_telemetry::http::identify));
/// # drop(router);
/// ```
pub async fn identify(mut request: Request, next: Next) -> Response {
    let from_client = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable =
        |id: &&str| !id.is_empty() && id.len() <= MAX_ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_graphic());
    let id = from_client.filter(usable).map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
    route::find_template(&mut request);
    let route = route::matched_template(request.extensions()).unwrap_or(super::UNMATCHED);
    let method = request.method();
    // At the highest level, so that lines have the request's id with LOG__LEVEL=error too.
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
    // By OpenTelemetry's conventions a 4xx response is no error of the server's span.
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
