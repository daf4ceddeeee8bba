//! What becomes of the audit log and of the days of users in time.

use crate::components::access::day_of;
use crate::database::{Database, now_micros};
use crate::error::Result;

/// Old rows are forgotten this many at a time, so that no statement holds the database up.
const BATCH: i64 = 1_000;

/// For how many days it is known who was active: long enough to compare a month with that of the year before.
const ACTIVE_DAYS: i64 = 400;

/// Deletes at most a batch of entries of the audit log from before `time`. Returns how many, and whether there may be more.
pub async fn forget_audit_before(database: &Database, time: i64) -> Result<(u64, bool)> {
    let query = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)";
    let forgotten = sqlx::query(query).bind(time).bind(BATCH).execute(&database.pool).await?.rows_affected();
    Ok((forgotten, forgotten == BATCH.unsigned_abs()))
}

/// Deletes one day of users at most, the oldest of those that are too old. Returns how many rows, and whether there may be more.
pub async fn forget_active_days(database: &Database) -> Result<(u64, bool)> {
    let oldest: Option<i64> = sqlx::query_scalar("SELECT MIN(day) FROM user_days WHERE day < $1")
        .bind(day_of(now_micros()) - ACTIVE_DAYS)
        .fetch_one(&database.pool)
        .await?;
    let Some(oldest) = oldest else { return Ok((0, false)) };
    let query = "DELETE FROM user_days WHERE day = $1";
    let forgotten = sqlx::query(query).bind(oldest).execute(&database.pool).await?.rows_affected();
    Ok((forgotten, true))
}
