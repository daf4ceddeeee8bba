//! Takes back runs whose worker is lost, so that none stays `running` for ever.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::queue_depth::refresh_queue_depth;
use super::store::reaper::take_back_runs;
use crate::components::instance::DeadInstance;
use crate::database::{bounds, now_micros};
use crate::error::Result;
use crate::events::training::{RequeueReason, RunFinished, RunRequeued, log_background_failure};
use crate::leases::ValidLease;
use crate::state::{App, Shared};

/// Takes back the runs of lost workers: at once those of the dead processes of this data folder, whose lock is free, then
/// all whose lease has expired.
pub async fn reap_regularly(app: Shared, mut dead: Vec<DeadInstance>) {
    let mut ticks = tokio::time::interval(app.config.training.lease / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while app.shutdown.stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        // What fails while the database is away is tried again at a later tick.
        while let Some(next) = dead.last() {
            if let Err(error) = reap(&app, Some(&next.id)).await {
                log_background_failure("taking back the runs of a dead process failed", &error);
                break;
            }
            if let Some(instance) = dead.pop() {
                instance.taken_back().await;
            }
        }
        if !can_judge_leases(&app) {
            continue;
        }
        if let Err(error) = reap(&app, None).await {
            log_background_failure("taking back runs with expired leases failed", &error);
        }
    }
}

/// Whether every living worker has had the time to renew its lease: since the clock jumped, since the database came back,
/// and since this process started, which does not know what happened before.
fn can_judge_leases(app: &App) -> bool {
    let lease = app.config.training.lease;
    app.started.elapsed() > lease && app.lease_clock.can_judge(lease)
}

/// Takes back the runs of the dead process `instance`, or all whose lease has expired.
async fn reap(app: &App, instance: Option<&str>) -> Result<()> {
    let training = &app.config.training;
    let latest_lease = ValidLease::of_training_runs(now_micros(), training.lease).latest;
    let taken_back = take_back_runs(&app.database, instance, latest_lease, training.max_attempts);
    let reaped = bounds::with_background_timeout(taken_back).await?;
    for run in &reaped.requeued {
        RunRequeued { run_id: &run.id, attempt: run.attempts, reason: RequeueReason::WorkerLost }.emit();
    }
    for (run, outcome) in &reaped.ended {
        RunFinished {
            run_id: &run.id,
            algorithm: run.algorithm,
            outcome: *outcome,
            attempt: run.attempts,
            elapsed: run.started_at.map(elapsed_since),
            ..RunFinished::default()
        }
        .emit();
    }
    for id in reaped.requeued.iter().map(|run| &run.id).chain(reaped.ended.iter().map(|(run, _)| &run.id)) {
        app.run_notifications.notify_changed(id);
    }
    if !reaped.requeued.is_empty() {
        app.run_notifications.notify_queued();
    }
    if !(reaped.requeued.is_empty() && reaped.ended.is_empty()) {
        refresh_queue_depth(&app.database).await;
    }
    Ok(())
}

/// The time from a table's time until now.
fn elapsed_since(micros: i64) -> Duration {
    Duration::from_micros(now_micros().saturating_sub(micros).try_into().unwrap_or(0))
}
