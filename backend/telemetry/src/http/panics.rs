//! A panic in a handler is answered with 500, logged and counted, and ends nothing else.

use std::any::Any;

use axum::BoxError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use crate::catalogue::ERRORS_TOTAL;
use crate::error_text::panic_message;

/// Answers 500 for a handler that panics. A service that has a response of its own puts its own layer inside of this one.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// async fn broken() -> &'static str {
///     panic!("a bug")
/// }
/// let router: Router = Router::new().route("/", get(broken)).layer(belfry_telemetry::http::catch_panics());
/// let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.status(), 500);
/// # });
/// ```
pub fn catch_panics() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(respond)
}

/// The response to a panic, which is logged and counted.
pub(super) fn respond(panic: Box<dyn Any + Send>) -> Response {
    ERRORS_TOTAL.with(("panic", "http")).increment(1);
    tracing::error!(cause = panic_message(&*panic), "handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n").into_response()
}

/// A response's body panicked after its head was sent. Returns the error that ends the response.
pub(super) fn body_panicked(panic: &(dyn Any + Send)) -> BoxError {
    ERRORS_TOTAL.with(("panic", "http")).increment(1);
    tracing::error!(cause = panic_message(panic), "response body panicked");
    BoxError::from("response body panicked")
}
