//! Scheduled jobs.

use axum::Router;

use crate::app::Shared;

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    Router::new()
}

/// Runs due jobs until the process stops.
pub async fn schedule(app: Shared) -> anyhow::Result<()> {
    app.stopping.cancelled().await;
    Ok(())
}
