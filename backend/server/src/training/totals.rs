//! How many runs there are of each status. Every instance reads them from the database, so all say the same.

use crate::database::{Database, bounds};
use crate::events::run_totals::RunTotals;
use crate::events::training::log_background_failure;

/// Counts and emits. A failure is logged and removes the gauges from the exposition: the last count may be wrong by now.
pub async fn refresh(database: &Database) {
    let totals = bounds::with_request_timeout(async { Ok(count(database).await?) }).await;
    if let Err(error) = &totals {
        log_background_failure("counting runs failed", error);
    }
    RunTotals::emit(totals.ok());
}

async fn count(database: &Database) -> sqlx::Result<RunTotals> {
    let query = "SELECT status, COUNT(*) FROM runs GROUP BY status";
    let counted: Vec<(String, i64)> = sqlx::query_as(query).fetch_all(&database.pool).await?;
    let known = counted.into_iter().filter_map(|(status, count)| Some((status.parse().ok()?, count)));
    Ok(RunTotals(known.collect()))
}
