//! Training runs: queue, workers, progress, models, predictions.

use axum::Router;

use crate::app::Shared;

/// Tells workers of new runs and listeners of progress.
#[derive(Default)]
pub struct Wakers {}

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    Router::new()
}

/// Trains queued runs until the process stops: `TRAINING__WORKERS` workers and the reaper.
pub async fn work(app: Shared) -> anyhow::Result<()> {
    app.stopping.cancelled().await;
    Ok(())
}
