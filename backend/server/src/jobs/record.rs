//! The history of scheduled jobs: one `job_runs` row a run, with a heartbeat, so that a run whose process died does not
//! stay `running` for ever.

use std::time::Duration;

use serde_json::Value;

use super::Job;
use crate::database::{Database, now_micros};
use crate::error::Result;

/// How often a run shows that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// For how long a run may be silent before it counts as dead.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// Writes the row of a run that begins.
pub(super) async fn begin(database: &Database, job: Job, id: &str) -> Result<()> {
    let now = now_micros();
    sqlx::query(
        "INSERT INTO job_runs (id, job_name, started_at, status, heartbeat_at) VALUES ($1, $2, $3, 'running', $4)",
    )
    .bind(id)
    .bind(job.name())
    .bind(now)
    .bind(now)
    .execute(&database.pool)
    .await?;
    Ok(())
}

/// Shows that the run lives, and holds its job's lease.
pub(super) async fn beat(database: &Database, job: Job, id: &str) -> Result<()> {
    let now = now_micros();
    sqlx::query("UPDATE job_runs SET heartbeat_at = $1 WHERE id = $2 AND status = 'running'")
        .bind(now)
        .bind(id)
        .execute(&database.pool)
        .await?;
    sqlx::query("UPDATE jobs SET lease_until = $1 WHERE job_name = $2 AND holder = $3")
        .bind(now + micros(SILENCE))
        .bind(job.name())
        .bind(id)
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// How a run ended.
pub(super) struct Ending {
    pub(super) status: &'static str,
    pub(super) duration: Duration,
    pub(super) error_message: Option<String>,
    pub(super) metadata: Option<Value>,
}

/// Writes how a run ended, and frees its job in the same moment: whoever sees the end may ask for the next run.
pub(super) async fn end(database: &Database, job: Job, id: &str, ending: Ending) -> Result<()> {
    let mut transaction = database.pool.begin().await?;
    sqlx::query(
        "UPDATE job_runs SET status = $1, finished_at = $2, duration_seconds = $3, error_message = $4, metadata = $5 \
         WHERE id = $6",
    )
    .bind(ending.status)
    .bind(now_micros())
    .bind(ending.duration.as_secs_f64())
    .bind(ending.error_message)
    .bind(ending.metadata.map(|metadata| metadata.to_string()))
    .bind(id)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE jobs SET holder = NULL, lease_until = NULL WHERE job_name = $1 AND holder = $2")
        .bind(job.name())
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// Marks runs that have been silent for too long as aborted. Returns how many.
pub(super) async fn abort_silent(database: &Database) -> Result<u64> {
    let now = now_micros();
    let aborted = sqlx::query(
        "UPDATE job_runs SET status = 'aborted', finished_at = $1, error_message = 'its process stopped without a word', \
         duration_seconds = (heartbeat_at - started_at) / 1000000.0 WHERE status = 'running' AND heartbeat_at < $2",
    )
    .bind(now)
    .bind(now - micros(SILENCE))
    .execute(&database.pool)
    .await?;
    Ok(aborted.rows_affected())
}

/// Forgets runs that began before `time` and are over. Returns how many.
pub(super) async fn forget_before(database: &Database, time: i64) -> Result<u64> {
    let forgotten = sqlx::query("DELETE FROM job_runs WHERE started_at < $1 AND status <> 'running'")
        .bind(time)
        .execute(&database.pool)
        .await?;
    Ok(forgotten.rows_affected())
}

/// A duration in the tables' unit of time.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
