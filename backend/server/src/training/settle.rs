//! The end of an attempt: what became of it, and the one write that says so.

use std::time::Duration;

use belfry_learning::outcome::Outcome;
use belfry_learning::protocol::Report;

use super::queue::{self, Claim};
use super::run::Status;
use crate::database::bounds;
use crate::error::Error;
use crate::events::training::{RunFinished, RunRequeued, WorkFailed};
use crate::retry::retry_until_written;
use crate::state::App;

/// How a run ended.
pub struct Ending {
    pub outcome: Outcome,
    /// A code and a sentence for the person who asked for the run.
    pub error: Option<(String, String)>,
    pub report: Option<Report>,
    /// Where the model lies in the file store, durable already.
    pub model_key: Option<String>,
}

impl Ending {
    /// A run without a model; the sentence is the outcome's own.
    pub fn without_model(outcome: Outcome) -> Self {
        let message = match outcome {
            Outcome::Completed | Outcome::Failed => "the run ended without a model",
            Outcome::Cancelled => "the run was cancelled",
            Outcome::TimedOut => "the run took longer than its time limit",
            Outcome::Panicked => "the training process met an error of its own and panicked",
            Outcome::OutOfMemory => "the training process needed more memory than it may use",
            Outcome::Crashed => "the training process crashed",
            Outcome::Interrupted => "the training process was stopped from outside, as at every attempt before",
        };
        Self::refused(outcome, outcome.as_str().to_owned(), message.to_owned())
    }

    /// A run without a model, and why.
    pub fn refused(outcome: Outcome, code: String, message: String) -> Self {
        Self { outcome, error: Some((code, message)), report: None, model_key: None }
    }

    /// Where a run with this end stands.
    pub fn status(&self) -> Status {
        match self.outcome {
            Outcome::Completed => Status::Completed,
            Outcome::Cancelled => Status::Cancelled,
            _ => Status::Failed,
        }
    }
}

/// What an attempt came to.
pub enum Attempt {
    /// The run has ended.
    Ended(Ending),
    /// The process stops; another one, or its successor, trains the run from its beginning.
    Stopped,
    /// Something of ours stood in the way, which may be gone at the next attempt.
    Hindered(Error),
    /// The training process was stopped from outside.
    Interrupted,
}

/// Writes what an attempt came to. Only what the database took is reported.
pub async fn settle(app: &App, claim: &Claim, attempt: Attempt, elapsed: Duration) {
    let more_attempts = claim.attempt < i64::from(app.config.training.max_attempts);
    let (reason, uses_attempt) = match attempt {
        Attempt::Ended(ending) => return end(app, claim, &ending, elapsed).await,
        Attempt::Stopped => ("the server stops", false),
        Attempt::Interrupted if more_attempts => ("its process was stopped from outside", true),
        Attempt::Interrupted => {
            return end(app, claim, &Ending::without_model(Outcome::Interrupted), elapsed).await;
        }
        Attempt::Hindered(error) => {
            WorkFailed { what: "a run could not be trained", cause: &error }.emit();
            if !more_attempts {
                let ending = Ending::refused(Outcome::Failed, error.code().to_owned(), error.to_string());
                return end(app, claim, &ending, elapsed).await;
            }
            // Time for what stood in the way to go. The lease is longer.
            let pause = app.config.training.lease / 10 * u32::try_from(claim.attempt).unwrap_or(1).min(3);
            let _ = app.shutdown.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
            ("something of ours stood in its way", true)
        }
    };
    let handed_back = write(app, || queue::hand_back(&app.database, claim, uses_attempt)).await;
    match handed_back {
        Some(true) => {
            RunRequeued { run_id: &claim.run_id, attempt: claim.attempt, reason }.emit();
            app.wakers.run_queued();
        }
        // Not handed back because it was asked to end meanwhile, or lost, which this write then tells.
        Some(false) => end(app, claim, &Ending::without_model(Outcome::Cancelled), elapsed).await,
        None => {}
    }
}

async fn end(app: &App, claim: &Claim, ending: &Ending, elapsed: Duration) {
    let written = write(app, || async {
        // An earlier try may have been taken although its answer was lost.
        Ok(queue::finish(&app.database, claim, ending).await? || queue::has_ended(&app.database, claim, ending).await?)
    });
    match written.await {
        Some(true) => RunFinished {
            run_id: &claim.run_id,
            algorithm: claim.algorithm.as_str(),
            outcome: ending.outcome,
            attempt: claim.attempt,
            elapsed: Some(elapsed),
            report: ending.report.as_ref(),
            error: ending.error.as_ref().map(|(code, _)| code.as_str()),
        }
        .emit(),
        Some(false) => abandon(app, claim, ending.model_key.as_deref()).await,
        // The row still says running; the reaper takes it from there.
        None => {}
    }
}

/// Gives up a run that was taken from this worker, and the model it may have stored.
pub async fn abandon(app: &App, claim: &Claim, model_key: Option<&str>) {
    tracing::warn!(
        run_id = claim.run_id,
        attempt = claim.attempt,
        "a run was taken from its worker, which gives it up"
    );
    let Some(key) = model_key else { return };
    let removed = async {
        // Never the model of a run that did complete.
        if !queue::refers_to(&app.database, &claim.run_id, key).await? {
            app.storage.delete(key).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = bounds::for_work(removed).await {
        WorkFailed { what: "the model of an abandoned run could not be removed", cause: &error }.emit();
    }
}

/// Repeats a write while the database is away, for as long as the lease would have lasted: the work of minutes should
/// not be lost to a database that restarts.
async fn write<T, F: Future<Output = Result<T, Error>>>(app: &App, write: impl Fn() -> F) -> Option<T> {
    let what = "the end of a run";
    let written = retry_until_written(what, |_, elapsed| elapsed >= app.config.training.lease, write).await;
    let given_up = |error: &Error| WorkFailed { what: "the end of a run could not be written", cause: error }.emit();
    written.inspect_err(given_up).ok()
}
