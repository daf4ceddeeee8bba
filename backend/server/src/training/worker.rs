//! A worker: claims a run, has it trained while the claim is renewed, has its end recorded, and claims the next.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::attempt::run_attempt;
use super::claim_renewal::renew_until_lost;
use super::queue_depth::refresh_queue_depth;
use super::record_end::{abandon_lost_run, record_attempt_end};
use super::run_end::AttemptEnd;
use super::store::claims::Claim;
use super::store::queue::claim_oldest;
use crate::components::heartbeats::WORKER_HEARTBEAT_INTERVAL;
use crate::database::bounds;
use crate::events::training::{RunClaimed, WorkerPanicked, log_background_failure, run_in_flight, worker_up};
use crate::state::{App, Shared};

/// How often a worker tries to claim runs that were queued by other processes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a worker waits when the database is away.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

/// How long a worker waits before it claims a run again when it could not start a process for one; doubled each time, up to
/// the second.
const START_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Trains one run after the other until the process stops, as worker `number` of this process.
pub async fn run_worker(app: Shared, number: usize) {
    let _up = worker_up();
    let mut start_pause = START_PAUSES.0;
    while !app.shutdown.stopping.is_cancelled() {
        app.worker_heartbeats.record_heartbeat(number);
        let claimed = claim_oldest(&app.database, &app.instance.id, app.config.training.lease);
        let pause = match bounds::with_background_timeout(claimed).await {
            Ok(Some(claim)) => {
                // There may be more for another worker.
                app.run_notifications.notify_queued();
                let training = tokio::spawn(train_claimed(app.clone(), claim.clone()));
                app.worker_heartbeats.set_busy(number);
                // A panic must not end the worker; the run is taken back when its lease expires.
                let ended = with_heartbeats(&app, number, AbortOnDropHandle::new(training)).await;
                let start_failure = ended.unwrap_or_else(|error| {
                    if error.is_panic() {
                        WorkerPanicked { run_id: &claim.run_id }.emit();
                    }
                    None
                });
                app.worker_heartbeats.set_idle(number);
                let could_start = start_failure.is_none();
                app.worker_heartbeats.record_start_failure(number, start_failure);
                if could_start {
                    start_pause = START_PAUSES.0;
                } else {
                    // The run waits in the queue meanwhile, for any worker whose machine can start one.
                    let pause = app.shutdown.stopping.run_until_cancelled(tokio::time::sleep(start_pause));
                    with_heartbeats(&app, number, pin!(pause)).await;
                    start_pause = START_PAUSES.1.min(start_pause * 2);
                }
                continue;
            }
            Ok(None) => {
                // The run whose process could not be started has gone to another worker, or was cancelled.
                app.worker_heartbeats.record_start_failure(number, None);
                start_pause = START_PAUSES.0;
                POLL_INTERVAL
            }
            Err(error) => {
                log_background_failure("claiming a run failed", &error);
                ERROR_PAUSE
            }
        };
        tokio::select! {
            () = app.shutdown.stopping.cancelled() => {}
            () = app.run_notifications.wait_until_queued() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits for `work` and records heartbeats meanwhile.
async fn with_heartbeats<F: Future + Unpin>(app: &App, number: usize, mut work: F) -> F::Output {
    let mut ticks = tokio::time::interval(WORKER_HEARTBEAT_INTERVAL);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = ticks.tick() => app.worker_heartbeats.record_heartbeat(number),
        }
    }
}

/// One attempt at a run, until its end is recorded or its claim is lost. Returns why no process could be started for it.
async fn train_claimed(app: Shared, claim: Claim) -> Option<String> {
    let started = Instant::now();
    let _in_flight = run_in_flight();
    RunClaimed {
        run_id: &claim.run_id,
        algorithm: claim.spec.algorithm,
        attempt: claim.attempt,
        waited: Duration::from_micros((claim.started_at - claim.created_at).try_into().unwrap_or(0)),
    }
    .emit();
    app.run_notifications.notify_changed(&claim.run_id);
    refresh_queue_depth(&app.database).await;

    // One key an attempt, so that one that lost its claim cannot overwrite its successor's model.
    let model_key = format!("models/{}-{}", claim.run_id, claim.attempt);
    let (stop_sender, stop) = watch::channel(None);
    let attempt_end = tokio::select! {
        end = run_attempt(&app, &claim, stop, &model_key) => Some(end),
        () = renew_until_lost(&app, &claim, &stop_sender) => None,
    };
    let start_failure = match &attempt_end {
        Some(AttemptEnd::NotStarted(error)) => Some(error.to_string()),
        _ => None,
    };
    match attempt_end {
        Some(end) => record_attempt_end(&app, &claim, end, started.elapsed()).await,
        None => abandon_lost_run(&app, &claim, Some(&model_key)).await,
    }
    app.run_notifications.notify_changed(&claim.run_id);
    refresh_queue_depth(&app.database).await;
    start_failure
}
