//! What becomes of alerts in time.

use super::received::{Changes, named};
use crate::database::{Database, now_micros};
use crate::error::Result;

/// Old alerts are forgotten this many at a time, so that no statement holds the database up.
const FORGET_BATCH: i64 = 1_000;

/// Deletes at most a batch of alerts that were resolved before `time`. Returns how many, and whether there may be more.
pub async fn forget_resolved_before(database: &Database, time: i64) -> Result<(u64, bool)> {
    let forget = "DELETE FROM alerts WHERE id IN \
        (SELECT id FROM alerts WHERE resolved_at < $1 ORDER BY resolved_at LIMIT $2)";
    let forgotten = sqlx::query(forget).bind(time).bind(FORGET_BATCH).execute(&database.pool).await?.rows_affected();
    Ok((forgotten, forgotten == FORGET_BATCH.unsigned_abs()))
}

/// Resolves the open alerts of Alertmanager that it has not repeated since `time`: it has lost them, cannot reach this service, or
/// they are silenced or muted. Repeated again, they are open again. Returns how many.
pub async fn resolve_unreported_since(database: &Database, time: i64) -> Result<usize> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "UPDATE alerts SET resolved_at = $1, expired = 1, description = description || $2 \
         WHERE resolved_at IS NULL AND fingerprint <> '' AND reported_at < $3 RETURNING name, severity",
    )
    .bind(now_micros())
    .bind("; resolved because Alertmanager has not repeated it")
    .bind(time)
    .fetch_all(&database.pool)
    .await?;
    let count = rows.len();
    Changes { raised: Vec::new(), resolved: named(rows)? }.emit();
    Ok(count)
}
