//! The history of scheduled jobs: one `job_runs` row a run, with a heartbeat, so that a run whose process died does not
//! stay `running` for ever; and `job_totals`, what they add up to.
//!
//! A run ends once, in one transaction with its job's row and the totals: by itself, here, or aborted by `reaper.rs`.

use belfry_telemetry::jobs::{EndedRun, Status};
use serde_json::Value;

use super::job::JobMetadata;
use super::plan::Plan;
use crate::database::{Database, Transaction, micros, now_micros};
use crate::error::Result;
use crate::leases::{HEARTBEAT_TIMEOUT, lease_until};

/// Old runs are forgotten this many at a time, so that no statement holds the database up.
pub const FORGET_BATCH: i64 = 1_000;

const BEGIN: &str = "INSERT INTO job_runs (id, job_name, started_at, status, heartbeat_at, instance) \
    VALUES ($1, $2, $3, 'running', $4, $5)";

pub(super) const RECORD_HEARTBEAT: &str =
    "UPDATE job_runs SET heartbeat_at = $1, metadata = $2 WHERE id = $3 AND status = 'running'";

pub(super) const END: &str = "UPDATE job_runs SET status = $1, finished_at = $2, duration_seconds = $3, \
    error_message = $4, metadata = $5 WHERE id = $6 AND status = 'running'";

pub(super) const FORGET: &str = "DELETE FROM job_runs WHERE id IN \
    (SELECT id FROM job_runs WHERE started_at < $1 AND status <> 'running' ORDER BY started_at LIMIT $2)";

const FAILED_IN_A_ROW: &str = "SELECT failed_in_a_row FROM jobs WHERE job_name = $1";

/// How a run ended that has.
pub(super) const ENDED: &str = "SELECT status, error_message FROM job_runs WHERE id = $1";

/// When the job last succeeded.
pub(super) const LAST_SUCCESS: &str = "SELECT finished_at FROM job_runs WHERE job_name = $1 AND status = 'success' \
    ORDER BY started_at DESC LIMIT 1";

/// When the job's last run ended that has, and how.
pub(super) const LAST_END: &str = "SELECT finished_at, status FROM job_runs WHERE job_name = $1 AND status <> 'running' \
    ORDER BY started_at DESC LIMIT 1";

/// When the job last succeeded, and when its last run ended if that did not succeed.
pub(super) async fn last_ends(database: &Database, job_name: &str) -> Result<(Option<i64>, Option<i64>)> {
    let success: Option<Option<i64>> =
        sqlx::query_scalar(LAST_SUCCESS).bind(job_name).fetch_optional(&database.pool).await?;
    let last: Option<(Option<i64>, String)> =
        sqlx::query_as(LAST_END).bind(job_name).fetch_optional(&database.pool).await?;
    let failure = last.filter(|(_, status)| status != Status::Success.as_str()).and_then(|(ended, _)| ended);
    Ok((success.flatten(), failure))
}

/// Writes the row of a run that begins, in the process `instance`.
pub(super) async fn begin_run(transaction: &mut Transaction, job_name: &str, id: &str, instance: &str) -> Result<()> {
    let now = now_micros();
    sqlx::query(BEGIN).bind(id).bind(job_name).bind(now).bind(now).bind(instance).execute(&mut **transaction).await?;
    Ok(())
}

/// Records a heartbeat of the run and renews its lease of the job. Returns whether the claim is still its own.
pub(super) async fn renew_lease(database: &Database, row: &str, id: &str, metadata: &JobMetadata) -> Result<bool> {
    let now = now_micros();
    let renewed = sqlx::query("UPDATE jobs SET lease_until = $1 WHERE job_name = $2 AND holder = $3")
        .bind(lease_until(now, HEARTBEAT_TIMEOUT))
        .bind(row)
        .bind(id)
        .execute(&database.pool)
        .await?;
    let metadata = Value::Object(metadata.snapshot()).to_string();
    sqlx::query(RECORD_HEARTBEAT).bind(now).bind(metadata).bind(id).execute(&database.pool).await?;
    Ok(renewed.rows_affected() > 0)
}

/// Records how a run ended, and releases its job in the same transaction: whoever sees the end may ask for the next run. A
/// run that did not succeed brings its job's next due time nearer, as the plan says. Returns how often the job has failed in a
/// row, or None if the run had ended otherwise.
pub(super) async fn end_run(
    database: &Database,
    row: &str,
    plan: &Plan,
    id: &str,
    ended: &EndedRun,
) -> Result<Option<i64>> {
    let mut transaction = database.begin().await?;
    let (status, seconds) = (ended.status.as_str(), ended.duration.as_secs_f64());
    let written = sqlx::query(END)
        .bind(status)
        .bind(now_micros())
        .bind(seconds)
        .bind(ended.message.as_deref())
        .bind(Value::Object(ended.metadata.clone()).to_string())
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    if written.rows_affected() == 0 {
        // An earlier attempt may have been applied although its response was lost.
        let known: Option<(String, Option<String>)> =
            sqlx::query_as(ENDED).bind(id).fetch_optional(&mut *transaction).await?;
        let is_same = known.is_some_and(|(known, message)| known == status && message == ended.message);
        let now: Option<i64> = sqlx::query_scalar(FAILED_IN_A_ROW).bind(row).fetch_optional(&mut *transaction).await?;
        return Ok(is_same.then(|| now.unwrap_or(0)));
    }
    add_to_totals(&mut transaction, ended.job_name, status, seconds).await?;
    release(&mut transaction, row, plan, id, ended.status == Status::Success).await?;
    let failures = count_failures(&mut transaction, row, ended.status).await?;
    transaction.commit().await?;
    Ok(Some(failures))
}

/// Counts how often a job has failed in a row. A run that was aborted says nothing of that.
async fn count_failures(transaction: &mut Transaction, row: &str, status: Status) -> Result<i64> {
    let before: Option<i64> = sqlx::query_scalar(FAILED_IN_A_ROW).bind(row).fetch_optional(&mut **transaction).await?;
    // A job whose row was removed is not counted.
    let before = before.unwrap_or(0);
    let now = match status {
        Status::Success => 0,
        Status::Failed => before + 1,
        _ => before,
    };
    if now != before {
        let update = "UPDATE jobs SET failed_in_a_row = $1 WHERE job_name = $2";
        sqlx::query(update).bind(now).bind(row).execute(&mut **transaction).await?;
    }
    Ok(now)
}

/// Adds one ended run to its job's totals.
pub(super) async fn add_to_totals(
    transaction: &mut Transaction,
    job_name: &str,
    status: &str,
    seconds: f64,
) -> Result<()> {
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

/// Releases the job that the run `id` has claimed, if it has.
pub(super) async fn release(
    transaction: &mut Transaction,
    row: &str,
    plan: &Plan,
    id: &str,
    succeeded: bool,
) -> Result<()> {
    let failures: Option<i64> = sqlx::query_scalar("SELECT failures FROM jobs WHERE job_name = $1 AND holder = $2")
        .bind(row)
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(failures) = failures else { return Ok(()) };
    let (failures, due) = match plan.retry_pause_after(failures).filter(|_| !succeeded) {
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
    .bind(row)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Deletes at most [`FORGET_BATCH`] ended runs that began before `time`. Returns how many.
pub async fn forget_runs_before(database: &Database, time: i64) -> Result<u64> {
    Ok(sqlx::query(FORGET).bind(time).bind(FORGET_BATCH).execute(&database.pool).await?.rows_affected())
}
