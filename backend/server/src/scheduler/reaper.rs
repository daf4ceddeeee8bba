//! Aborts runs whose process died: those whose heartbeat stopped, and at once those of a process whose instance lock is
//! free.

use super::Scheduler;
use super::claim::JobRow;
use super::history::{add_to_totals, release};
use super::job::JobMetadata;
use super::plan::Plan;
use crate::database::{Database, Transaction, now_micros};
use crate::error::Result;
use crate::events::jobs::JobAborted;
use crate::leases::ValidLease;

const STOPPED: &str = "its process died";

/// Running runs whose heartbeat has stopped and that hold no job. Those that still hold one are aborted with the job's row,
/// in `due.rs`.
pub(super) const WITHOUT_HEARTBEAT: &str = "SELECT id, job_name FROM job_runs WHERE status = 'running' \
    AND (heartbeat_at < $1 OR heartbeat_at > $2) AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.holder = job_runs.id)";

pub(super) const OF_INSTANCE: &str = "SELECT id, job_name FROM job_runs WHERE status = 'running' AND instance = $1";

/// The run counts as ended at its last heartbeat, which precedes its start if the clock was put back.
pub(super) const ABORT: &str = "UPDATE job_runs SET status = 'aborted', finished_at = $1, error_message = $2, \
    duration_seconds = CASE WHEN heartbeat_at > started_at THEN (heartbeat_at - started_at) / 1000000.0 ELSE 0.0 END \
    WHERE id = $3 AND status = 'running' RETURNING duration_seconds";

impl Scheduler {
    /// Aborts runs whose heartbeat has stopped and that hold no job, and records how many.
    pub async fn abort_runs_without_heartbeat(&self, metadata: &JobMetadata) -> Result<()> {
        metadata.set("aborted", 0);
        if !self.can_judge_leases() {
            // Living runs may look dead until they have renewed their leases; this job's next run aborts the dead ones.
            return Ok(());
        }
        let (earliest, latest) = ValidLease::of_jobs(now_micros()).heartbeats();
        let lost: Vec<(String, String)> = sqlx::query_as(WITHOUT_HEARTBEAT)
            .bind(earliest)
            .bind(latest)
            .fetch_all(&self.options.database.pool)
            .await?;
        for (id, job_name) in lost {
            if self.options.stopping.is_cancelled() {
                break;
            }
            if abort_and_count(self, &job_name, None, &id).await? {
                metadata.add("aborted", 1);
            }
        }
        Ok(())
    }
}

/// Aborts the runs of a process that is known to be dead, and releases their jobs.
pub(super) async fn abort_runs_of_instance(scheduler: &Scheduler, instance: &str) -> Result<()> {
    let database = &scheduler.options.database;
    let runs: Vec<(String, String)> = sqlx::query_as(OF_INSTANCE).bind(instance).fetch_all(&database.pool).await?;
    let rows = if runs.is_empty() { Vec::new() } else { JobRow::read_all(database).await? };
    for (id, job_name) in runs {
        let row = rows.iter().find(|row| row.holder.as_ref() == Some(&id));
        abort_and_count(scheduler, &job_name, row.map(|row| row.name.as_str()), &id).await?;
    }
    Ok(())
}

/// Aborts a run whose process is dead, releases the job of `row` if the run has claimed it, and counts the run if its job
/// still exists. Returns whether the run had not ended before.
pub(super) async fn abort_and_count(
    scheduler: &Scheduler,
    job_name: &str,
    row: Option<&str>,
    id: &str,
) -> Result<bool> {
    let claimed = row.and_then(|row| Some((row, &scheduler.job_of_row(row)?.plan)));
    let aborted = abort(&scheduler.options.database, job_name, claimed, id).await?;
    if aborted && let Some(job) = scheduler.job_named(job_name) {
        JobAborted { job_name: job.name, id }.emit();
    }
    Ok(aborted)
}

/// Aborts a run, and releases the job `claimed` if the run holds it. Returns whether the run had not ended before.
pub(super) async fn abort(
    database: &Database,
    job_name: &str,
    claimed: Option<(&str, &Plan)>,
    id: &str,
) -> Result<bool> {
    let mut transaction = database.begin().await?;
    let aborted = abort_run(&mut transaction, job_name, id).await?;
    if let Some((row, plan)) = claimed {
        release(&mut transaction, row, plan, id, false).await?;
    }
    transaction.commit().await?;
    Ok(aborted)
}

async fn abort_run(transaction: &mut Transaction, job_name: &str, id: &str) -> Result<bool> {
    let aborted: Option<f64> =
        sqlx::query_scalar(ABORT).bind(now_micros()).bind(STOPPED).bind(id).fetch_optional(&mut **transaction).await?;
    if let Some(seconds) = aborted {
        add_to_totals(transaction, job_name, "aborted", seconds).await?;
    }
    Ok(aborted.is_some())
}
