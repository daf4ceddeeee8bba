//! Datasets: upload, list, read, delete.

use axum::Router;

use crate::app::Shared;

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    Router::new()
}
