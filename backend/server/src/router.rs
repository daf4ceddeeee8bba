//! Every route of the API: method, path and handler. The routes of the viewer are in `viewer/mod.rs`; `GET /metrics` is added
//! by [`Telemetry::observe`].

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use belfry_telemetry::Telemetry;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::config::Origins;
use crate::cross_site::{SitePolicy, refuse_other_sites};
use crate::database::bounds::apply_request_timeout;
use crate::request::{self, JSON_LIMIT_BYTES};
use crate::scheduler::api as jobs;
use crate::state::Shared;
use crate::viewer::{self, Viewer};
use crate::{ai, alerts, billing, datasets, health, training};

/// The whole API. Only handlers that just query the database have its timeout as a whole: receiving a body or reading from the
/// file store may take longer.
pub fn router(app: Shared, viewer: Option<Arc<Viewer>>, sites: Arc<SitePolicy>, telemetry: &Telemetry) -> Router {
    let origins = app.config.server.limits.cors_origins.clone();
    let with_database_timeout = Router::new()
        .route("/api/v1/datasets", get(datasets::list))
        .route("/api/v1/datasets/{id}", get(datasets::read))
        .route("/api/v1/runs", get(training::list))
        .route("/api/v1/runs/{id}", get(training::show))
        // Until the stream begins.
        .route("/api/v1/runs/{id}/events", get(training::stream_events))
        .route("/api/v1/runs/{id}/cancel", post(training::cancel))
        .route("/api/v1/alerts", get(alerts::list))
        .merge(Router::new().route("/api/v1/ai/usage", get(ai::usage::usage)).with_state(app.ai_ledger.clone()))
        .route("/api/v1/billing/events", get(billing::list))
        .merge(
            Router::new()
                .route("/jobs", get(jobs::list))
                .route("/jobs/status", get(jobs::status))
                .route("/jobs/stats/{job_name}", get(jobs::stats))
                .route("/jobs/{job_name}/run", post(jobs::run_now))
                .with_state(app.scheduler.clone()),
        )
        .route_layer(from_fn(apply_request_timeout));
    let without_timeout = Router::new()
        // Limited by UPLOAD__MAX_BYTES as it streams.
        .route("/api/v1/datasets", post(datasets::upload).layer(DefaultBodyLimit::disable()))
        .route("/api/v1/datasets/{id}", delete(datasets::delete))
        .route("/api/v1/datasets/{id}/content", get(datasets::download))
        .route("/api/v1/datasets/{id}/describe", post(datasets::describe))
        .route("/api/v1/runs", post(training::submit))
        .route("/api/v1/runs/{id}/model", get(training::download_model))
        .route("/api/v1/runs/{id}/predict", post(training::predict))
        .route("/api/v1/runs/{id}/explain", post(training::explain))
        .route("/api/v1/alerts/webhook", post(alerts::receive))
        .route("/api/v1/billing/events", post(billing::receive))
        .route("/health", get(health::health))
        .route("/healthz", get(health::healthz))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz));
    let viewer = viewer.map_or_else(Router::new, |viewer| viewer::router(viewer, sites.clone()));
    let api = with_database_timeout
        .merge(without_timeout)
        .merge(viewer)
        .fallback(request::unmatched)
        .method_not_allowed_fallback(request::not_allowed)
        .layer(DefaultBodyLimit::max(JSON_LIMIT_BYTES))
        .layer(CatchPanicLayer::custom(request::panicked))
        .layer(from_fn_with_state(app.clone(), alerts::report_request_faults))
        .layer(from_fn_with_state(sites, refuse_other_sites))
        .with_state(app);
    // Without origins no answer says that a page may read it.
    telemetry.observe(if origins.0.is_empty() { api } else { api.layer(cors(&origins)) })
}

/// What pages of these origins may send, and read of the answers. Credentials are not among it.
fn cors(Origins(origins): &Origins) -> CorsLayer {
    let request_id = HeaderName::from_static("x-request-id");
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers([
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::RANGE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            HeaderName::from_static("last-event-id"),
            request_id.clone(),
        ])
        .expose_headers([header::LOCATION, header::ETAG, header::CONTENT_RANGE, header::RETRY_AFTER, request_id])
        .max_age(std::time::Duration::from_secs(3600))
}
