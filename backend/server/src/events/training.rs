//! Events of training runs and predictions.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use belfry_learning::outcome::Outcome;
use belfry_learning::protocol::Report;
use belfry_telemetry::catalogue::ERRORS_TOTAL;
use belfry_telemetry::metric::InProgress;

use crate::catalogue::{
    PREDICTION_DURATION_SECONDS, PREDICTIONS_TOTAL, QUEUE_DEPTH, TRAINING_DURATION_SECONDS, TRAINING_IN_PROGRESS,
    TRAINING_ITERATIONS_TOTAL, TRAINING_LAST_SCORE, TRAINING_QUEUE_WAIT_SECONDS, TRAINING_RUNS_TOTAL, TRAINING_WORKERS,
};
use crate::error::{Error, chain};

const COMPONENT: &str = "training";

/// A run was accepted.
pub struct RunQueued<'a> {
    pub run_id: &'a str,
    pub dataset_id: &'a str,
    pub algorithm: &'a str,
}

impl RunQueued<'_> {
    pub fn emit(self) {
        let Self { run_id, dataset_id, algorithm } = self;
        tracing::info!(run_id, dataset_id, algorithm, "a training run was queued");
    }
}

/// A worker took a run.
pub struct RunStarted<'a> {
    pub run_id: &'a str,
    pub algorithm: &'a str,
    pub attempt: i64,
    /// Since it was accepted.
    pub waited: Duration,
}

impl RunStarted<'_> {
    pub fn emit(self) {
        let Self { run_id, algorithm, attempt, waited } = self;
        // Before a later attempt it was trained, not only waiting.
        if attempt == 1 {
            TRAINING_QUEUE_WAIT_SECONDS.record(waited.as_secs_f64());
        }
        tracing::info!(run_id, algorithm, attempt, waited_seconds = waited.as_secs_f64(), "a training run began");
    }
}

/// A run ended, and the database says so.
pub struct RunFinished<'a> {
    pub run_id: &'a str,
    pub algorithm: &'a str,
    pub outcome: Outcome,
    pub attempt: i64,
    /// Of the last attempt; absent when it never began.
    pub elapsed: Option<Duration>,
    pub report: Option<&'a Report>,
    /// The code of the reason.
    pub error: Option<&'a str>,
}

impl Default for RunFinished<'_> {
    fn default() -> Self {
        let outcome = Outcome::Interrupted;
        Self { run_id: "", algorithm: "", outcome, attempt: 0, elapsed: None, report: None, error: None }
    }
}

impl RunFinished<'_> {
    pub fn emit(self) {
        let Self { run_id, algorithm, outcome, attempt, elapsed, report, error } = self;
        let name = outcome.as_str();
        TRAINING_RUNS_TOTAL.with([algorithm, name]).increment(1);
        if let Some(elapsed) = elapsed {
            TRAINING_DURATION_SECONDS.with([algorithm, name]).record(elapsed.as_secs_f64());
        }
        for (score, value) in report.iter().flat_map(|report| &report.scores) {
            TRAINING_LAST_SCORE.with([algorithm, score]).set(*value);
        }
        let elapsed_seconds = elapsed.unwrap_or_default().as_secs_f64();
        match outcome {
            Outcome::Completed => {
                let (rows, iterations) =
                    report.map_or((0, 0), |report| (report.summary.rows_train, report.summary.iterations));
                tracing::info!(
                    run_id,
                    algorithm,
                    attempt,
                    elapsed_seconds,
                    rows,
                    iterations,
                    "a training run completed"
                );
            }
            Outcome::Cancelled => {
                tracing::info!(run_id, algorithm, attempt, elapsed_seconds, "a training run was cancelled");
            }
            Outcome::Failed | Outcome::TimedOut => {
                tracing::warn!(
                    run_id,
                    algorithm,
                    attempt,
                    elapsed_seconds,
                    outcome = name,
                    error,
                    "a training run failed"
                );
            }
            Outcome::Panicked | Outcome::OutOfMemory | Outcome::Crashed | Outcome::Interrupted => {
                tracing::error!(
                    run_id,
                    algorithm,
                    attempt,
                    elapsed_seconds,
                    outcome = name,
                    "a training run broke off"
                );
            }
        }
    }
}

/// A run went back into the queue.
pub struct RunRequeued<'a> {
    pub run_id: &'a str,
    pub attempt: i64,
    pub reason: &'a str,
}

impl RunRequeued<'_> {
    pub fn emit(self) {
        let Self { run_id, attempt, reason } = self;
        tracing::warn!(run_id, attempt, reason, "a training run was queued again");
    }
}

/// Training steps were recorded.
pub struct StepsDone<'a> {
    pub algorithm: &'a str,
    pub count: u64,
}

impl StepsDone<'_> {
    pub fn emit(self) {
        TRAINING_ITERATIONS_TOTAL.with([self.algorithm]).increment(self.count);
    }
}

/// A training process ended in a way that only its exit and its last words explain.
pub struct ChildFailed<'a> {
    pub run_id: &'a str,
    pub outcome: Outcome,
    pub exit: ExitStatus,
    pub stderr_tail: &'a str,
}

impl ChildFailed<'_> {
    pub fn emit(self) {
        let Self { run_id, outcome, exit, stderr_tail } = self;
        tracing::warn!(run_id, %outcome, %exit, stderr_tail, "a training process ended badly");
    }
}

/// Something of ours went wrong around training.
pub struct WorkFailed<'a> {
    pub what: &'static str,
    pub cause: &'a Error,
}

impl WorkFailed<'_> {
    pub fn emit(self) {
        let Self { what, cause } = self;
        ERRORS_TOTAL.with([cause.code(), COMPONENT]).increment(1);
        tracing::error!(code = cause.code(), cause = chain(cause), "{what}");
    }
}

/// The code around a training process panicked.
pub struct WorkerPanicked<'a> {
    pub run_id: &'a str,
}

impl WorkerPanicked<'_> {
    pub fn emit(self) {
        ERRORS_TOTAL.with(["panic", COMPONENT]).increment(1);
        tracing::error!(run_id = self.run_id, "a worker panicked; its run is taken up again when the lease is over");
    }
}

/// How many runs of the whole database have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    pub queued: i64,
    pub running: i64,
}

impl QueueDepth {
    pub fn emit(self) {
        QUEUE_DEPTH.with(["queued"]).set(self.queued as f64);
        QUEUE_DEPTH.with(["running"]).set(self.running as f64);
    }

    /// The database cannot say: what was true before may not be now.
    pub fn forget() {
        QUEUE_DEPTH.forget(["queued"]);
        QUEUE_DEPTH.forget(["running"]);
    }
}

/// A worker is up for as long as the guard lives.
pub fn worker_up() -> InProgress {
    InProgress::enter(TRAINING_WORKERS.with([]))
}

/// A run is trained by this process for as long as the guard lives.
pub fn run_under_way() -> InProgress {
    InProgress::enter(TRAINING_IN_PROGRESS.with([]))
}

/// A request for predictions being computed. It has failed unless it says otherwise.
pub struct Prediction {
    algorithm: String,
    outcome: &'static str,
    started: Instant,
}

impl Prediction {
    pub fn start(algorithm: String) -> Self {
        Self { algorithm, outcome: "failed", started: Instant::now() }
    }

    /// The rows were predicted.
    pub fn completed(mut self) {
        self.outcome = "completed";
    }

    /// The rows do not fit the model.
    pub fn rejected(mut self) {
        self.outcome = "rejected";
    }
}

impl Drop for Prediction {
    fn drop(&mut self) {
        PREDICTIONS_TOTAL.with([&self.algorithm, self.outcome]).increment(1);
        PREDICTION_DURATION_SECONDS.with([&self.algorithm]).record(self.started.elapsed().as_secs_f64());
    }
}
