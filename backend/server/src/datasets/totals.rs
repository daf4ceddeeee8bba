//! How many datasets there are and how large. Every instance reads them from the database, so all say the same.

use crate::database::{Database, bounds, now_micros};
use crate::events::upload::DatasetTotals;

/// Counts and emits. A failure is logged and removes the gauges from the exposition: the last count may be wrong by now.
pub async fn refresh(database: &Database) {
    let totals = bounds::with_request_timeout(async { Ok(count(database).await?) }).await;
    if let Err(error) = &totals {
        tracing::warn!(cause = crate::error::chain(error), "counting datasets failed");
    }
    DatasetTotals::emit(totals.ok());
}

/// Counts what is stored and not expired.
pub async fn count(database: &Database) -> sqlx::Result<DatasetTotals> {
    // PostgreSQL's sum of big integers is a decimal number, which the driver for both engines does not read.
    let query = "SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM datasets \
        WHERE (expires_at IS NULL OR expires_at > $1) AND removal_began_at IS NULL";
    let (datasets, size_bytes) = sqlx::query_as(query).bind(now_micros()).fetch_one(&database.pool).await?;
    Ok(DatasetTotals { datasets, size_bytes })
}
