//! Health.

use axum::Router;
use axum::routing::get;
use belfry_telemetry::health::Checks;

use crate::app::Shared;
use crate::database::Database;

/// The checks of this service.
pub fn checks(_config: &crate::config::Config, _database: &Database, _storage: &crate::storage::Storage) -> Checks {
    Checks::default()
}

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    Router::new().route("/livez", get(|| async { "ok" }))
}
