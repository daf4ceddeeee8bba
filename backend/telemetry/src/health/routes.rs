//! The endpoints that every service can have as they are: `/livez`, `/readyz` and `/health`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Checks, Report};

/// `/livez` answers as long as the process can; `/readyz` and `/health` run the checks, and are 503 when a required one fails.
///
/// A service that must say more, for example that it is draining, writes routes of its own around [`Checks::report`],
/// [`readiness`] and [`full_report`].
pub fn router<S: Clone + Send + Sync + 'static>(checks: Checks) -> Router<S> {
    let checks = Arc::new(checks);
    let ready = checks.clone();
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(async move || readiness(&ready.report_required().await)))
        .route("/health", get(async move || full_report(checks.report().await)))
}

/// The response of `/readyz`.
pub fn readiness(report: &Report) -> (StatusCode, Json<Value>) {
    let message = if report.is_serving() { "serving".to_owned() } else { report.failing() };
    (status(report), Json(json!({ "ready": report.is_serving(), "message": message })))
}

/// The response of `/health`.
pub fn full_report(report: Report) -> (StatusCode, Json<Report>) {
    (status(&report), Json(report))
}

fn status(report: &Report) -> StatusCode {
    if report.is_serving() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
