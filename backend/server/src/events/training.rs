//! Events of training runs and predictions.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use belfry_learning::algorithm::Algorithm;
use belfry_learning::outcome::Outcome;
use belfry_learning::protocol::ChildReport;
use belfry_telemetry::catalogue::ERRORS_TOTAL;
use belfry_telemetry::metric::InProgress;

use crate::catalogue::{
    PREDICTION_DURATION_SECONDS, PREDICTIONS_TOTAL, QUEUE_DEPTH, RUN_FOLLOWERS, RUNS_FOLLOWED,
    TRAINING_DURATION_SECONDS, TRAINING_IN_PROGRESS, TRAINING_ITERATIONS_TOTAL, TRAINING_LAST_SCORE,
    TRAINING_QUEUE_WAIT_SECONDS, TRAINING_REQUEUES_TOTAL, TRAINING_RUNS_TOTAL, TRAINING_WORKERS,
};
use crate::error::{Error, chain};
use crate::labels::{AlgorithmLabel, Component, PredictionOutcome, UnfinishedStatus};

pub use crate::labels::RequeueReason;

/// A run was accepted and waits for a worker.
pub struct RunQueued<'a> {
    pub run_id: &'a str,
    pub dataset_id: &'a str,
    pub algorithm: Algorithm,
}

impl RunQueued<'_> {
    pub fn emit(self) {
        let Self { run_id, dataset_id, algorithm } = self;
        tracing::info!(run_id, dataset_id, algorithm = algorithm.name(), "run queued");
    }
}

/// A worker claimed a run.
pub struct RunClaimed<'a> {
    pub run_id: &'a str,
    pub algorithm: Algorithm,
    /// From 1.
    pub attempt: i64,
    /// Since it was accepted.
    pub waited: Duration,
}

impl RunClaimed<'_> {
    pub fn emit(self) {
        let Self { run_id, algorithm, attempt, waited } = self;
        // Before a later attempt the run was trained, and did not only wait.
        if attempt == 1 {
            TRAINING_QUEUE_WAIT_SECONDS.record(waited.as_secs_f64());
        }
        let waited_seconds = waited.as_secs_f64();
        tracing::info!(run_id, algorithm = algorithm.name(), attempt, waited_seconds, "run claimed");
    }
}

/// A run ended, and its end is in the database.
pub struct RunFinished<'a> {
    pub run_id: &'a str,
    pub algorithm: Algorithm,
    pub outcome: Outcome,
    pub attempt: i64,
    /// Of the last attempt; absent for a run that was never claimed.
    pub elapsed: Option<Duration>,
    pub report: Option<&'a ChildReport>,
    /// The code of the error that ended it.
    pub error: Option<&'a str>,
}

impl Default for RunFinished<'_> {
    fn default() -> Self {
        let (algorithm, outcome) = (Algorithm::default(), Outcome::Interrupted);
        Self { run_id: "", algorithm, outcome, attempt: 0, elapsed: None, report: None, error: None }
    }
}

impl RunFinished<'_> {
    pub fn emit(self) {
        let Self { run_id, algorithm, outcome, attempt, elapsed, report, error } = self;
        let labels = (AlgorithmLabel(algorithm), outcome);
        TRAINING_RUNS_TOTAL.with(labels).increment(1);
        if let Some(elapsed) = elapsed {
            TRAINING_DURATION_SECONDS.with(labels).record(elapsed.as_secs_f64());
        }
        for (score, value) in report.iter().flat_map(|report| &report.result.scores) {
            TRAINING_LAST_SCORE.with((AlgorithmLabel(algorithm), *score)).set(*value);
        }
        let (algorithm, label) = (algorithm.name(), outcome.name());
        let elapsed_seconds = elapsed.unwrap_or_default().as_secs_f64();
        match outcome {
            Outcome::Completed => {
                let summary = report.map(|report| &report.result.summary);
                let (rows, iterations) = summary.map_or((0, 0), |summary| (summary.rows_train, summary.iterations));
                tracing::info!(run_id, algorithm, attempt, elapsed_seconds, rows, iterations, "run completed");
            }
            Outcome::Cancelled => {
                tracing::info!(run_id, algorithm, attempt, elapsed_seconds, "run cancelled");
            }
            Outcome::Failed | Outcome::TimedOut => {
                tracing::warn!(run_id, algorithm, attempt, elapsed_seconds, outcome = label, error, "run failed");
            }
            Outcome::Panicked | Outcome::OutOfMemory | Outcome::Crashed | Outcome::Interrupted => {
                tracing::error!(run_id, algorithm, attempt, elapsed_seconds, outcome = label, "run ended abnormally");
            }
        }
    }
}

/// A run went back into the queue.
pub struct RunRequeued<'a> {
    pub run_id: &'a str,
    pub attempt: i64,
    pub reason: RequeueReason,
}

impl RunRequeued<'_> {
    pub fn emit(self) {
        let Self { run_id, attempt, reason } = self;
        TRAINING_REQUEUES_TOTAL.with(reason).increment(1);
        let reason: &str = reason.into();
        tracing::warn!(run_id, attempt, reason, "run requeued");
    }
}

/// The machine had no process or thread for an attempt at a run.
pub struct ProcessNotStarted<'a> {
    pub run_id: &'a str,
    pub cause: &'a std::io::Error,
}

impl ProcessNotStarted<'_> {
    pub fn emit(self) {
        let Self { run_id, cause } = self;
        ERRORS_TOTAL.with(("process_not_started", Component::Training)).increment(1);
        tracing::error!(run_id, %cause, "training process not started");
    }
}

/// A worker found that its run is not its own any more, and abandons it.
pub struct ClaimLost<'a> {
    pub run_id: &'a str,
    pub attempt: i64,
}

impl ClaimLost<'_> {
    pub fn emit(self) {
        let Self { run_id, attempt } = self;
        tracing::warn!(run_id, attempt, "claim lost, run abandoned");
    }
}

/// Training steps were recorded.
pub struct StepsRecorded {
    pub algorithm: Algorithm,
    pub count: u64,
}

impl StepsRecorded {
    pub fn emit(self) {
        TRAINING_ITERATIONS_TOTAL.with(AlgorithmLabel(self.algorithm)).increment(self.count);
    }
}

/// A training process ended in a way that only its exit status and its standard error explain.
pub struct ChildFailed<'a> {
    pub run_id: &'a str,
    pub outcome: Outcome,
    pub exit: ExitStatus,
    pub stderr_tail: &'a str,
}

impl ChildFailed<'_> {
    pub fn emit(self) {
        let Self { run_id, outcome, exit, stderr_tail } = self;
        tracing::warn!(run_id, %outcome, %exit, stderr_tail, "training process failed");
    }
}

/// Counts and logs a failure in training's background work, which no client sees. `what` is the log line.
pub fn log_background_failure(what: &'static str, error: &Error) {
    ERRORS_TOTAL.with((error.code(), Component::Training)).increment(1);
    tracing::error!(code = error.code(), cause = chain(error), "{what}");
}

/// The code around a training process panicked.
pub struct WorkerPanicked<'a> {
    pub run_id: &'a str,
}

impl WorkerPanicked<'_> {
    pub fn emit(self) {
        ERRORS_TOTAL.with(("panic", Component::Training)).increment(1);
        tracing::error!(run_id = self.run_id, "worker panicked, its run is requeued when its lease expires");
    }
}

/// How many runs in the database are queued and running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    pub queued: i64,
    pub running: i64,
}

impl QueueDepth {
    pub fn emit(self) {
        QUEUE_DEPTH.with(UnfinishedStatus::Queued).set(self.queued as f64);
        QUEUE_DEPTH.with(UnfinishedStatus::Running).set(self.running as f64);
    }

    /// The database cannot be read: what was true before may not be now.
    pub fn forget() {
        QUEUE_DEPTH.forget(UnfinishedStatus::Queued);
        QUEUE_DEPTH.forget(UnfinishedStatus::Running);
    }
}

/// A worker is up for as long as the guard lives.
pub fn worker_up() -> InProgress {
    InProgress::enter(TRAINING_WORKERS.with(()))
}

/// A run is in flight in this process for as long as the guard lives.
pub fn run_in_flight() -> InProgress {
    InProgress::enter(TRAINING_IN_PROGRESS.with(()))
}

/// A client follows the events of a run for as long as the guard lives.
pub fn follower_in_progress() -> InProgress {
    InProgress::enter(RUN_FOLLOWERS.with(()))
}

/// The database is read for the followers of a run for as long as the guard lives.
pub fn run_followed() -> InProgress {
    InProgress::enter(RUNS_FOLLOWED.with(()))
}

/// A request for predictions that is being computed. Each end is recorded by its own call; a guard that is dropped without
/// one panicked, as a computation that has begun cannot be cancelled.
pub struct PredictionGuard {
    algorithm: Algorithm,
    started: Instant,
    recorded: bool,
}

impl PredictionGuard {
    pub fn start(algorithm: Algorithm) -> Self {
        Self { algorithm, started: Instant::now(), recorded: false }
    }

    /// The rows were predicted.
    pub fn completed(mut self) {
        self.record(PredictionOutcome::Completed);
    }

    /// The rows do not fit the model.
    pub fn rejected(mut self) {
        self.record(PredictionOutcome::Rejected);
    }

    /// The model could not be read.
    pub fn failed(mut self) {
        self.record(PredictionOutcome::Failed);
    }

    fn record(&mut self, outcome: PredictionOutcome) {
        self.recorded = true;
        let algorithm = AlgorithmLabel(self.algorithm);
        PREDICTIONS_TOTAL.with((algorithm, outcome)).increment(1);
        PREDICTION_DURATION_SECONDS.with(algorithm).record(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for PredictionGuard {
    fn drop(&mut self) {
        if !self.recorded {
            self.record(PredictionOutcome::Failed);
        }
    }
}
