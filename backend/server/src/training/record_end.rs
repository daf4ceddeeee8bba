//! Recording how an attempt ended: the one write of a run's end, or its way back into the queue.

use std::time::Duration;

use belfry_learning::outcome::Outcome;

use super::run_end::{AttemptEnd, RunEnd};
use super::store::claims::{self, Claim};
use crate::database::bounds;
use crate::error::Error;
use crate::events::training::{
    ClaimLost, ProcessNotStarted, RequeueReason, RunFinished, RunRequeued, log_background_failure,
};
use crate::retry::retry_until_written;
use crate::state::App;

/// Records how an attempt ended. Only what the database has stored is counted and logged.
pub async fn record_attempt_end(app: &App, claim: &Claim, attempt_end: AttemptEnd, elapsed: Duration) {
    let more_attempts = claim.attempt < i64::from(app.config.training.max_attempts);
    let (reason, uses_attempt) = match attempt_end {
        AttemptEnd::RunEnded(end) => return record_run_end(app, claim, &end, elapsed).await,
        AttemptEnd::Shutdown => (RequeueReason::Shutdown, false),
        // The worker pauses before it claims a run again.
        AttemptEnd::NotStarted(error) => {
            ProcessNotStarted { run_id: &claim.run_id, cause: &error }.emit();
            (RequeueReason::NotStarted, false)
        }
        AttemptEnd::Interrupted if more_attempts => (RequeueReason::Interrupted, true),
        AttemptEnd::Interrupted => {
            return record_run_end(app, claim, &RunEnd::without_model(Outcome::Interrupted), elapsed).await;
        }
        AttemptEnd::CouldNotRun(error) => {
            log_background_failure("training attempt failed", &error);
            if !more_attempts {
                let end = RunEnd::with_error(Outcome::Failed, error.code().to_owned(), error.to_string());
                return record_run_end(app, claim, &end, elapsed).await;
            }
            // Time for the cause to pass. The lease is longer.
            let pause = app.config.training.lease / 10 * u32::try_from(claim.attempt).unwrap_or(1).min(3);
            let _ = app.shutdown.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
            (RequeueReason::CouldNotRun, true)
        }
    };
    let handed_back = write_with_retries(app, || claims::hand_back(&app.database, claim, uses_attempt)).await;
    match handed_back {
        Some(true) => {
            RunRequeued { run_id: &claim.run_id, attempt: claim.attempt, reason }.emit();
            app.run_notifications.notify_queued();
        }
        // Not handed back because it was cancelled meanwhile, or because the claim was lost, which this write then shows.
        Some(false) => record_run_end(app, claim, &RunEnd::without_model(Outcome::Cancelled), elapsed).await,
        None => {}
    }
}

async fn record_run_end(app: &App, claim: &Claim, end: &RunEnd, elapsed: Duration) {
    let written = write_with_retries(app, || async {
        // An earlier attempt may have been stored although its response was lost.
        Ok(claims::write_end(&app.database, claim, end).await?
            || claims::is_end_written(&app.database, claim, end).await?)
    });
    match written.await {
        Some(true) => RunFinished {
            run_id: &claim.run_id,
            algorithm: claim.spec.algorithm,
            outcome: end.outcome,
            attempt: claim.attempt,
            elapsed: Some(elapsed),
            report: end.report.as_ref(),
            error: end.error.as_ref().map(|(code, _)| code.as_str()),
        }
        .emit(),
        Some(false) => abandon_lost_run(app, claim, end.model_key.as_deref()).await,
        // The row is still `running`; the reaper takes the run back when the lease has expired.
        None => {}
    }
}

/// Abandons a run whose claim was lost, and removes the model that this worker may have stored.
pub async fn abandon_lost_run(app: &App, claim: &Claim, model_key: Option<&str>) {
    ClaimLost { run_id: &claim.run_id, attempt: claim.attempt }.emit();
    let Some(key) = model_key else { return };
    let removed = async {
        // Never the model of a run that did complete.
        if !claims::names_model(&app.database, &claim.run_id, key).await? {
            app.storage.delete(key).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = bounds::with_background_timeout(removed).await {
        log_background_failure("removing the model of an abandoned run failed", &error);
    }
}

/// Retries a write while the database is away, for as long as the lease would have lasted: a database that restarts must
/// not cost the work of minutes.
async fn write_with_retries<T, F: Future<Output = Result<T, Error>>>(app: &App, write: impl Fn() -> F) -> Option<T> {
    let written =
        retry_until_written("the end of a run", |_, elapsed| elapsed >= app.config.training.lease, write).await;
    written.inspect_err(|error| log_background_failure("recording the end of a run failed", error)).ok()
}
