//! The history of scheduled jobs: one `job_runs` row a run, with a heartbeat, so that a run whose process died does not
//! stay `running` for ever; and `job_totals`, what they add up to.
//!
//! A run ends once, in one transaction with its job's row and the totals, whoever ends it: the run itself, or whoever
//! finds its heartbeat stopped.

use std::time::Duration;

use serde_json::Value;

use super::Job;
use super::plan::Plan;
use crate::database::{Database, Transaction, now_micros};
use crate::error::Result;

/// How often a run shows that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// For how long a run may be silent before it counts as dead.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// How far the clocks of servers on one database may lie apart.
pub(super) const SKEW: Duration = Duration::from_secs(10);

/// Old runs are forgotten this many at a time, so that no statement holds the database up.
const BATCH: i64 = 1_000;

const STOPPED: &str = "its process stopped without a word";

/// Writes the row of a run that begins.
pub(super) async fn begin(transaction: &mut Transaction, job: Job, id: &str) -> Result<()> {
    let now = now_micros();
    sqlx::query(
        "INSERT INTO job_runs (id, job_name, started_at, status, heartbeat_at) VALUES ($1, $2, $3, 'running', $4)",
    )
    .bind(id)
    .bind(job.name())
    .bind(now)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Shows that the run lives, and extends its job's lease. Returns whether it still has it.
pub(super) async fn beat(database: &Database, plan: &Plan, id: &str) -> Result<bool> {
    let now = now_micros();
    let held = sqlx::query("UPDATE jobs SET lease_until = $1 WHERE job_name = $2 AND holder = $3")
        .bind(now + micros(SILENCE))
        .bind(&plan.row)
        .bind(id)
        .execute(&database.pool)
        .await?;
    sqlx::query("UPDATE job_runs SET heartbeat_at = $1 WHERE id = $2 AND status = 'running'")
        .bind(now)
        .bind(id)
        .execute(&database.pool)
        .await?;
    Ok(held.rows_affected() > 0)
}

/// How a run ended.
pub(super) struct Ending {
    pub(super) status: &'static str,
    pub(super) duration: Duration,
    pub(super) error_message: Option<String>,
    pub(super) metadata: Option<Value>,
}

/// Writes how a run ended, and frees its job in the same moment: whoever sees the end may ask for the next run. A run
/// that did not succeed brings its job's next turn nearer, as the plan says. Returns whether the run had not ended before.
pub(super) async fn end(database: &Database, job: Job, plan: &Plan, id: &str, ending: Ending) -> Result<bool> {
    let mut transaction = database.begin().await?;
    let seconds = ending.duration.as_secs_f64();
    let ended = sqlx::query(
        "UPDATE job_runs SET status = $1, finished_at = $2, duration_seconds = $3, error_message = $4, metadata = $5 \
         WHERE id = $6 AND status = 'running'",
    )
    .bind(ending.status)
    .bind(now_micros())
    .bind(seconds)
    .bind(ending.error_message)
    .bind(ending.metadata.map(|metadata| metadata.to_string()))
    .bind(id)
    .execute(&mut *transaction)
    .await?;
    if ended.rows_affected() > 0 {
        add(&mut transaction, job.name(), ending.status, seconds).await?;
    }
    free(&mut transaction, plan, id, ending.status == "success").await?;
    transaction.commit().await?;
    Ok(ended.rows_affected() > 0)
}

/// Ends a run whose heartbeat stopped, and frees its job. Returns whether the run had not ended before.
pub(super) async fn abort(database: &Database, job: Job, plan: &Plan, id: &str) -> Result<bool> {
    let mut transaction = database.begin().await?;
    let aborted = abort_run(&mut transaction, job.name(), id).await?;
    free(&mut transaction, plan, id, false).await?;
    transaction.commit().await?;
    Ok(aborted)
}

/// Marks runs that have been silent for too long as aborted. Those that hold a job are the scheduler's affair; these
/// were cut off from it. Returns their ids and jobs.
pub(super) async fn abort_silent(database: &Database) -> Result<Vec<(String, String)>> {
    let now = now_micros();
    let silent: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, job_name FROM job_runs WHERE status = 'running' AND (heartbeat_at < $1 OR heartbeat_at > $2) \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.holder = job_runs.id)",
    )
    .bind(now - micros(SILENCE))
    .bind(now + micros(SILENCE + SKEW))
    .fetch_all(&database.pool)
    .await?;
    let mut aborted = Vec::new();
    for (id, job_name) in silent {
        let mut transaction = database.begin().await?;
        let ended = abort_run(&mut transaction, &job_name, &id).await?;
        transaction.commit().await?;
        if ended {
            aborted.push((id, job_name));
        }
    }
    Ok(aborted)
}

async fn abort_run(transaction: &mut Transaction, job_name: &str, id: &str) -> Result<bool> {
    // Its last heartbeat is the last that is known of it; a clock that was put back could make that precede its start.
    let aborted: Option<f64> = sqlx::query_scalar(
        "UPDATE job_runs SET status = 'aborted', finished_at = $1, error_message = $2, duration_seconds = \
         CASE WHEN heartbeat_at > started_at THEN (heartbeat_at - started_at) / 1000000.0 ELSE 0.0 END \
         WHERE id = $3 AND status = 'running' RETURNING duration_seconds",
    )
    .bind(now_micros())
    .bind(STOPPED)
    .bind(id)
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some(seconds) = aborted {
        add(transaction, job_name, "aborted", seconds).await?;
    }
    Ok(aborted.is_some())
}

/// Adds one ended run to its job's totals.
async fn add(transaction: &mut Transaction, job_name: &str, status: &str, seconds: f64) -> Result<()> {
    let one_if = |wanted: &str| i64::from(status == wanted);
    sqlx::query(
        "INSERT INTO job_totals (job_name, successful, failed, aborted, duration_seconds, max_duration_seconds) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (job_name) DO UPDATE SET \
         successful = job_totals.successful + excluded.successful, failed = job_totals.failed + excluded.failed, \
         aborted = job_totals.aborted + excluded.aborted, \
         duration_seconds = job_totals.duration_seconds + excluded.duration_seconds, \
         max_duration_seconds = CASE WHEN excluded.max_duration_seconds > job_totals.max_duration_seconds \
         THEN excluded.max_duration_seconds ELSE job_totals.max_duration_seconds END",
    )
    .bind(job_name)
    .bind(one_if("success"))
    .bind(one_if("failed"))
    .bind(one_if("aborted"))
    .bind(seconds)
    .bind(seconds)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Frees the job that the run `id` holds, if it does.
async fn free(transaction: &mut Transaction, plan: &Plan, id: &str, succeeded: bool) -> Result<()> {
    let failures: Option<i64> = sqlx::query_scalar("SELECT failures FROM jobs WHERE job_name = $1 AND holder = $2")
        .bind(&plan.row)
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(failures) = failures else { return Ok(()) };
    let (failures, due) = match plan.pause_after(failures).filter(|_| !succeeded) {
        Some(pause) => (failures + 1, now_micros().saturating_add(micros(pause))),
        None => (0, i64::MAX),
    };
    sqlx::query(
        "UPDATE jobs SET holder = NULL, lease_until = NULL, failures = $1, \
         next_due_at = CASE WHEN next_due_at > $2 THEN $3 ELSE next_due_at END WHERE job_name = $4 AND holder = $5",
    )
    .bind(failures)
    .bind(due)
    .bind(due)
    .bind(&plan.row)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Forgets a batch of runs that began before `time` and are over. Returns how many, and whether there may be more.
pub(super) async fn forget_before(database: &Database, time: i64) -> Result<(u64, bool)> {
    let forgotten = sqlx::query(
        "DELETE FROM job_runs WHERE id IN \
         (SELECT id FROM job_runs WHERE started_at < $1 AND status <> 'running' ORDER BY started_at LIMIT $2)",
    )
    .bind(time)
    .bind(BATCH)
    .execute(&database.pool)
    .await?;
    Ok((forgotten.rows_affected(), forgotten.rows_affected() == BATCH.unsigned_abs()))
}

/// A duration in the tables' unit of time.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
