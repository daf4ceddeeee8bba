//! A handler that panics is answered for, logged and counted, and takes nothing else with it.

use std::any::Any;

use axum::BoxError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use crate::catalogue::ERRORS_TOTAL;
use crate::recorder::said;

/// Answers 500 for a handler that panics. A service that has an answer of its own puts its own layer inside of this one.
pub fn catch_panics() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(answer)
}

fn answer(panic: Box<dyn Any + Send>) -> Response {
    ERRORS_TOTAL.with(["panic", "http"]).increment(1);
    tracing::error!(cause = said(&*panic), "a handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n").into_response()
}

/// An answer's body panicked, when its head was long sent. Returns what ends the answer.
pub(super) fn body_panicked(panic: &(dyn Any + Send)) -> BoxError {
    ERRORS_TOTAL.with(["panic", "http"]).increment(1);
    tracing::error!(cause = said(panic), "the body of an answer panicked");
    BoxError::from("the body of an answer panicked")
}
