//! A handler that panics is answered for, logged and counted, and takes nothing else with it.

use std::any::Any;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use crate::catalogue::ERRORS_TOTAL;

/// Answers 500 for a handler that panics. A service that has an answer of its own puts its own layer inside of this one.
pub fn catch_panics() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(answer)
}

fn answer(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    ERRORS_TOTAL.with(["panic", "http"]).increment(1);
    tracing::error!(cause = said.unwrap_or("no message"), "a handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n").into_response()
}
