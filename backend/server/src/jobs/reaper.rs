//! Ends runs whose process died: those whose heartbeat stopped, and at once those of a process whose lock is free (see
//! `training/workplace.rs`). And forgets the history that is old enough.

use belfry_telemetry::jobs::JobMetadata as Notes;

use super::Job;
use super::plan::Plan;
use super::record::{SILENCE, SKEW, add, free, micros};
use super::turn::{self, Turn};
use crate::database::{Database, Transaction, now_micros};
use crate::error::Result;
use crate::events::jobs::JobAborted;
use crate::state::App;

/// Old runs are forgotten this many at a time, so that no statement holds the database up.
const BATCH: i64 = 1_000;

const STOPPED: &str = "its process stopped without a word";

/// Those that hold a job are the scheduler's affair; these were cut off from it.
pub(super) const SILENT: &str = "SELECT id, job_name FROM job_runs WHERE status = 'running' \
    AND (heartbeat_at < $1 OR heartbeat_at > $2) AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.holder = job_runs.id)";

pub(super) const OF_INSTANCE: &str = "SELECT id, job_name FROM job_runs WHERE status = 'running' AND instance = $1";

/// Its last heartbeat is the last that is known of it; a clock that was put back could make that precede its start.
pub(super) const ABORT: &str = "UPDATE job_runs SET status = 'aborted', finished_at = $1, error_message = $2, \
    duration_seconds = CASE WHEN heartbeat_at > started_at THEN (heartbeat_at - started_at) / 1000000.0 ELSE 0.0 END \
    WHERE id = $3 AND status = 'running' RETURNING duration_seconds";

pub(super) const FORGET: &str = "DELETE FROM job_runs WHERE id IN \
    (SELECT id FROM job_runs WHERE started_at < $1 AND status <> 'running' ORDER BY started_at LIMIT $2)";

/// The job `run_reaper`: ends runs that have been silent for too long and hold no job.
pub(super) async fn reap(app: &App, notes: &Notes) -> Result<()> {
    notes.set("aborted", 0);
    if !app.scheduler.is_settled() {
        // Until then the living may look dead; the next turn is soon enough.
        return Ok(());
    }
    let now = now_micros();
    let silent: Vec<(String, String)> = sqlx::query_as(SILENT)
        .bind(now - micros(SILENCE))
        .bind(now + micros(SILENCE + SKEW))
        .fetch_all(&app.database.pool)
        .await?;
    for (id, job_name) in silent {
        if app.stopping.is_cancelled() {
            break;
        }
        if abort(&app.database, &job_name, None, &id).await? {
            notes.add("aborted", 1);
        }
    }
    Ok(())
}

/// Ends the runs of a process that is known to be dead, and frees what they hold.
pub(super) async fn reap_instance(app: &App, instance: &str) -> Result<()> {
    let runs: Vec<(String, String)> = sqlx::query_as(OF_INSTANCE).bind(instance).fetch_all(&app.database.pool).await?;
    let turns = if runs.is_empty() { Vec::new() } else { Turn::all(&app.database).await? };
    for (id, job_name) in runs {
        let turn = turns.iter().find(|turn| turn.holder.as_ref() == Some(&id));
        let plan = turn.and_then(|turn| app.scheduler.plan_of_row(&turn.row));
        abort(&app.database, &job_name, plan.as_ref(), &id).await?;
    }
    Ok(())
}

/// Ends a run whose process is dead, and frees the job of `plan` if it holds that. Returns whether it had not ended before.
pub(super) async fn abort(database: &Database, job_name: &str, plan: Option<&Plan>, id: &str) -> Result<bool> {
    let mut transaction = database.begin().await?;
    let aborted = abort_run(&mut transaction, job_name, id).await?;
    if let Some(plan) = plan {
        free(&mut transaction, plan, id, false).await?;
    }
    transaction.commit().await?;
    if aborted && let Some(job) = Job::named(job_name) {
        JobAborted { job_name: job.name(), id }.emit();
    }
    Ok(aborted)
}

async fn abort_run(transaction: &mut Transaction, job_name: &str, id: &str) -> Result<bool> {
    let aborted: Option<f64> =
        sqlx::query_scalar(ABORT).bind(now_micros()).bind(STOPPED).bind(id).fetch_optional(&mut **transaction).await?;
    if let Some(seconds) = aborted {
        add(transaction, job_name, "aborted", seconds).await?;
    }
    Ok(aborted.is_some())
}

/// The job `job_history_retention`: forgets runs older than `RETENTION__JOB_HISTORY`, and the jobs of data folders that
/// have had no server for so long.
pub(super) async fn forget(app: &App, notes: &Notes) -> Result<()> {
    let kept = app.config.retention.job_history;
    let before = now_micros().saturating_sub(micros(kept));
    notes.set("forgotten", 0);
    while !app.stopping.is_cancelled() {
        let query = sqlx::query(FORGET).bind(before).bind(BATCH);
        let forgotten = query.execute(&app.database.pool).await?.rows_affected();
        notes.add("forgotten", forgotten);
        if forgotten < BATCH.unsigned_abs() {
            break;
        }
    }
    let folders = turn::forget_folders(&app.database, before, kept).await?;
    notes.set("folder_jobs_forgotten", folders.jobs);
    notes.set("alerts_resolved", folders.alerts);
    Ok(())
}
