//! The whole API on one page.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use belfry_telemetry::Telemetry;
use tower_http::catch_panic::CatchPanicLayer;

use crate::request::{self, JSON_LIMIT_BYTES};
use crate::state::Shared;
use crate::{alerts, datasets, health, jobs, training};

/// The whole API.
pub fn router(app: Shared, telemetry: &Telemetry) -> Router {
    let api = Router::new()
        .merge(datasets::router())
        .merge(training::router())
        .merge(jobs::router())
        .merge(alerts::router())
        .merge(health::router())
        .fallback(request::unmatched)
        .method_not_allowed_fallback(request::not_allowed)
        .layer(DefaultBodyLimit::max(JSON_LIMIT_BYTES))
        .layer(CatchPanicLayer::custom(request::panicked))
        .with_state(app);
    telemetry.observe(api)
}
