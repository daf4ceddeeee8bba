//! Gauges read from the database: what is stored, what waits, what is late. Each server reads them from there, so that all
//! say the same, and a loop that died elsewhere cannot freeze them.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::ai::budget;
use crate::database::bounds;
use crate::error::chain;
use crate::state::{App, Shared};
use crate::{billing, datasets, jobs, training, users};

/// What another server changed is seen after this time at most.
const INTERVAL: Duration = Duration::from_secs(5);

/// The same of users, whose active days are many rows.
const USERS_INTERVAL: Duration = Duration::from_secs(60);

/// Reads them at once and then regularly until the process stops.
pub async fn watch(app: Shared) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut users_due = Instant::now();
    while app.shutdown.stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        refresh(&app).await;
        if Instant::now() >= users_due {
            users::totals::refresh(&app.database).await;
            users_due = Instant::now() + USERS_INTERVAL;
        }
    }
    Ok(())
}

/// One failure does not keep the others from being read.
async fn refresh(app: &App) {
    let database = &app.database;
    datasets::totals::refresh(database).await;
    training::queue_depth::refresh_queue_depth(database).await;
    training::totals::refresh(database).await;
    budget::gauges::refresh(database, &app.ai_ledger.budgets).await;
    billing::totals::refresh(database).await;
    if let Err(error) = bounds::with_background_timeout(jobs::measure_cleanup_lag(database)).await {
        tracing::warn!(cause = chain(&error), "refreshing database gauges failed");
    }
}
