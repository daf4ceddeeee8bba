//! Every route of the API: method, path and handler. The routes of the viewer are in `viewer/mod.rs`; `GET /metrics` is added
//! by [`Telemetry::observe`]. Who may use each is in `router/access.rs`.

mod access;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use belfry_telemetry::Telemetry;
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::ai::ledger::Ledger;
use crate::components::access::{Access, RouteAccess, Scope};
use crate::config::Origins;
use crate::cross_site::{SitePolicy, refuse_other_sites};
use crate::database::bounds::apply_request_timeout;
use crate::request::{self, JSON_LIMIT_BYTES};
use crate::routes::{Listed, Routes, delete, get, post};
use crate::scheduler::{Scheduler, api as jobs};
use crate::state::Shared;
use crate::users::{Gate, authenticate};
use crate::viewer::{self, Viewer};
use crate::{ai, alerts, billing, datasets, health, training, users};

/// Only handlers that just query the database have its timeout as a whole: receiving a body or reading from the file store may take
/// longer.
fn with_database_timeout() -> Routes<Shared> {
    Routes::new()
        .route("/api/v1/datasets", get(datasets::list))
        .route("/api/v1/datasets/{id}", get(datasets::read))
        .route("/api/v1/runs", get(training::list))
        .route("/api/v1/runs/{id}", get(training::show))
        // Until the stream begins.
        .route("/api/v1/runs/{id}/events", get(training::stream_events))
        .route("/api/v1/runs/{id}/cancel", post(training::cancel))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/billing/events", get(billing::list))
        .route("/api/v1/users", get(users::list))
        .route("/api/v1/users/{id}", get(users::show).delete(users::deactivate))
        .route("/api/v1/users/{id}/keys", get(users::list_keys))
        .route("/api/v1/keys/{id}", delete(users::revoke_key))
        .route("/api/v1/audit", get(users::list_audit))
}

/// The same of the scheduler's.
fn of_jobs() -> Routes<Arc<Scheduler>> {
    Routes::new()
        .route("/jobs", get(jobs::list))
        .route("/jobs/status", get(jobs::status))
        .route("/jobs/stats/{job_name}", get(jobs::stats))
        .route("/jobs/{job_name}/run", post(jobs::run_now))
}

/// The same of the ledger's.
fn of_ai_ledger() -> Routes<Arc<Ledger>> {
    Routes::new().route("/api/v1/ai/usage", get(ai::usage::usage))
}

fn without_timeout() -> Routes<Shared> {
    Routes::new()
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
        .route("/api/v1/users", post(users::create))
        .route("/api/v1/users/{id}/keys", post(users::create_key))
        .route("/api/v1/keys/{id}/rotate", post(users::rotate_key))
        .route("/api/v1/setup", post(users::exchange_setup_token))
        .route("/health", get(health::health))
        .route("/healthz", get(health::healthz))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
}

/// Every route, and what it asks for.
fn listed() -> Vec<(Listed, RouteAccess)> {
    let (queries, jobs, ledger, others) = (with_database_timeout(), of_jobs(), of_ai_ledger(), without_timeout());
    let listed = [queries.listed(), jobs.listed(), ledger.listed(), others.listed(), &viewer::listed()].concat();
    listed.into_iter().map(|route| (route.clone(), access::of(&route.method, route.path))).collect()
}

/// Every route with the scope that a key needs for it, for documentation and tests.
pub fn as_json() -> Value {
    let shown = listed().into_iter().map(|(Listed { method, path }, RouteAccess { access, is_audited })| {
        json!({
            "method": method.as_str(),
            "path": path,
            "scope": access.scope().map(Scope::name),
            "browser": access == Access::Browser,
            "audited": is_audited,
        })
    });
    shown.collect()
}

/// The whole API.
pub fn router(app: Shared, viewer: Option<Arc<Viewer>>, sites: Arc<SitePolicy>, telemetry: &Telemetry) -> Router {
    let origins = app.config.server.limits.cors_origins.clone();
    let (scheduler, ledger) = (app.scheduler.clone(), app.ai_ledger.clone());
    let with_database_timeout = with_database_timeout()
        .merge(of_jobs().map(|router| router.with_state(scheduler)))
        .merge(of_ai_ledger().map(|router| router.with_state(ledger)))
        .into_router()
        .route_layer(from_fn(apply_request_timeout));
    let gate = Gate { app: app.clone(), table: Arc::new(listed().into_iter().collect()) };
    let viewer = viewer.map_or_else(Router::new, |viewer| viewer::router(viewer, sites.clone()));
    let api = with_database_timeout
        .merge(without_timeout().into_router())
        .merge(viewer)
        .fallback(request::unmatched)
        .method_not_allowed_fallback(request::not_allowed)
        .layer(DefaultBodyLimit::max(JSON_LIMIT_BYTES))
        // Every route that is added above this line asks for what `access` says of it.
        .layer(from_fn_with_state(gate, authenticate))
        .layer(CatchPanicLayer::custom(request::panicked))
        .layer(from_fn_with_state(app.clone(), alerts::report_request_faults))
        .layer(from_fn_with_state(sites, refuse_other_sites))
        .with_state(app);
    // Without origins no answer says that a page may read it.
    telemetry.observe(if origins.0.is_empty() { api } else { api.layer(cors(&origins)) })
}

/// What pages of these origins may send, and read of the answers. Cookies and passwords that the browser has are not among it; a key
/// that the page has is.
fn cors(Origins(origins): &Origins) -> CorsLayer {
    let request_id = HeaderName::from_static("x-request-id");
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
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
