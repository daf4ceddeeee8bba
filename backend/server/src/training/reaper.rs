//! Takes back runs whose worker is gone, so that none stays running for ever.

use std::time::Duration;

use belfry_learning::outcome::Outcome;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use tokio::time::MissedTickBehavior;

use super::queue;
use super::workplace::Dead;
use crate::database::{Database, bounds, micros, now_micros};
use crate::error::Result;
use crate::events::training::{RunFinished, RunRequeued, WorkFailed};
use crate::state::{App, Shared};

/// A lease that ends this many leases from now stems from a clock that was put back since. As many, so that servers may be
/// set to different ones.
const FAR: u32 = 10;

/// Takes back the runs of dead processes: at once those of this data folder, which left their lock, then all whose
/// lease is over.
pub async fn reap_regularly(app: Shared, mut dead: Vec<Dead>) {
    let mut ticks = tokio::time::interval(app.config.training.lease / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while app.shutdown.stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        // What cannot be done while the database is away is done at a later tick.
        while let Some(next) = dead.last() {
            if let Err(error) = reap(&app, Some(&next.instance)).await {
                WorkFailed { what: "runs of a dead process could not be taken back", cause: &error }.emit();
                break;
            }
            if let Some(gone) = dead.pop() {
                gone.sweep().await;
            }
        }
        if !can_judge_leases(&app) {
            continue;
        }
        if let Err(error) = reap(&app, None).await {
            WorkFailed { what: "runs whose lease is over could not be taken back", cause: &error }.emit();
        }
    }
}

/// Whether every worker that lives has had the time to renew its lease: since the clock jumped, since the database came
/// back, and since this process began, which knows nothing of what was before.
fn can_judge_leases(app: &App) -> bool {
    let lease = app.config.training.lease;
    app.started.elapsed() > lease && app.lease_clock.can_judge(lease)
}

/// Takes back running runs whose worker is gone: of the dead process `instance`, and all whose lease is over. They are
/// queued again, or end: cancelled if that was asked for, interrupted if it was their last attempt.
async fn reap(app: &App, instance: Option<&str>) -> Result<()> {
    let training = &app.config.training;
    let far = now_micros().saturating_add(micros(training.lease.saturating_mul(FAR)));
    let taken = bounds::for_work(take_back(&app.database, instance, far, training.max_attempts)).await?;
    for run in &taken.requeued {
        RunRequeued { run_id: &run.id, attempt: run.attempts, reason: "its worker is gone" }.emit();
    }
    for (run, outcome) in &taken.ended {
        RunFinished {
            run_id: &run.id,
            algorithm: &run.algorithm,
            outcome: *outcome,
            attempt: run.attempts,
            elapsed: run.started_at.map(elapsed_since),
            ..RunFinished::default()
        }
        .emit();
    }
    for id in taken.requeued.iter().map(|run| &run.id).chain(taken.ended.iter().map(|(run, _)| &run.id)) {
        app.wakers.run_changed(id);
    }
    if !taken.requeued.is_empty() {
        app.wakers.run_queued();
    }
    if !(taken.requeued.is_empty() && taken.ended.is_empty()) {
        queue::emit_depth(&app.database).await;
    }
    Ok(())
}

/// A run taken back from a worker that is gone.
struct Taken {
    id: String,
    algorithm: String,
    attempts: i64,
    started_at: Option<i64>,
}

/// What became of the runs taken back.
#[derive(Default)]
struct TakenBack {
    requeued: Vec<Taken>,
    ended: Vec<(Taken, Outcome)>,
}

/// Takes back the runs of the dead process `instance`, or those whose lease is over or ends later than `far`.
async fn take_back(database: &Database, instance: Option<&str>, far: i64, max_attempts: u32) -> Result<TakenBack> {
    // Each names every parameter, so that one list of values fits both.
    let abandoned = match instance {
        Some(_) => "status = 'running' AND worker_id LIKE $1 AND $2 <= $4",
        None => "status = 'running' AND $1 = '' AND (lease_until < $2 OR lease_until > $4)",
    };
    let of = instance.map(|instance| format!("{instance}:%")).unwrap_or_default();
    let end = |status: &str, code: &str, message: &str, which: &str| {
        format!(
            "UPDATE runs SET status = '{status}', outcome = '{code}', error_code = '{code}', error_message = '{message}', \
             finished_at = $2, lease_until = NULL WHERE {abandoned} AND {which} \
             RETURNING id, algorithm, attempts, started_at"
        )
    };
    let cancelled = end("cancelled", "cancelled", "the run was cancelled", "cancel_requested = 1 AND $3 > 0");
    let message = "the process that trained the run ended, as at every attempt before";
    let interrupted = end("failed", "interrupted", message, "cancel_requested = 0 AND attempts >= $3");
    let requeued = format!(
        "UPDATE runs SET status = 'queued', worker_id = NULL, lease_until = NULL, started_at = NULL \
         WHERE {abandoned} AND cancel_requested = 0 AND attempts < $3 RETURNING id, algorithm, attempts, started_at"
    );
    let now = now_micros();
    let max_attempts = i64::from(max_attempts);
    let mut taken = TakenBack::default();
    // Together, so that what is reported below has happened, all of it or none.
    let mut transaction = database.begin().await?;
    let query = sqlx::query(AssertSqlSafe(cancelled)).bind(&of).bind(now).bind(max_attempts).bind(far);
    for row in &query.fetch_all(&mut *transaction).await? {
        taken.ended.push((taken_from_row(row)?, Outcome::Cancelled));
    }
    let query = sqlx::query(AssertSqlSafe(interrupted)).bind(&of).bind(now).bind(max_attempts).bind(far);
    for row in &query.fetch_all(&mut *transaction).await? {
        taken.ended.push((taken_from_row(row)?, Outcome::Interrupted));
    }
    let query = sqlx::query(AssertSqlSafe(requeued)).bind(&of).bind(now).bind(max_attempts).bind(far);
    for row in &query.fetch_all(&mut *transaction).await? {
        taken.requeued.push(taken_from_row(row)?);
    }
    transaction.commit().await?;
    Ok(taken)
}

fn taken_from_row(row: &AnyRow) -> Result<Taken> {
    Ok(Taken {
        id: row.try_get("id")?,
        algorithm: row.try_get("algorithm")?,
        attempts: row.try_get("attempts")?,
        started_at: row.try_get("started_at")?,
    })
}

/// The time from a table's time until now.
fn elapsed_since(micros: i64) -> Duration {
    Duration::from_micros(now_micros().saturating_sub(micros).try_into().unwrap_or(0))
}
