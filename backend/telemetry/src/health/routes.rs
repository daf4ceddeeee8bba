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
///
/// ```
/// use belfry_telemetry::health::{self, Checks};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let router: axum::Router = health::router(Checks::default());
/// let request = axum::http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
/// assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
/// # });
/// ```
pub fn router<S: Clone + Send + Sync + 'static>(checks: Checks) -> Router<S> {
    let checks = Arc::new(checks);
    let ready = checks.clone();
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(async move || readiness(&ready.report_required().await)))
        .route("/health", get(async move || full_report(checks.report().await)))
}

/// The response of `/readyz`.
///
/// ```
/// use axum::http::StatusCode;
/// use belfry_telemetry::health::{self, Checks};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let checks = Checks::default().required("database", Duration::from_secs(2), async || Err("gone".to_owned()));
/// let (status, body) = health::readiness(&checks.report_required().await);
/// assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
/// assert_eq!(body.0["message"], "database: gone");
/// # });
/// ```
pub fn readiness(report: &Report) -> (StatusCode, Json<Value>) {
    let message = if report.is_serving() { "serving".to_owned() } else { report.failing() };
    (status(report), Json(json!({ "ready": report.is_serving(), "message": message })))
}

/// The response of `/health`.
///
/// ```
/// use belfry_telemetry::health::{self, Checks};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let checks = Checks::default().disabled("mail", "MAIL__ENABLED is false");
/// let (status, report) = health::full_report(checks.report().await);
/// assert_eq!((status.as_u16(), report.0.checks["mail"].healthy), (200, None));
/// # });
/// ```
pub fn full_report(report: Report) -> (StatusCode, Json<Report>) {
    (status(&report), Json(report))
}

fn status(report: &Report) -> StatusCode {
    if report.is_serving() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
