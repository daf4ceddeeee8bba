//! How an attempt, and with it perhaps its run, ended.

use std::io;

use belfry_learning::outcome::Outcome;
use belfry_learning::protocol::ChildReport;

use crate::error::Error;
use crate::labels::RunStatus;

/// How an attempt at a run ended.
pub enum AttemptEnd {
    /// The run has ended with it.
    RunEnded(RunEnd),
    /// The server shuts down; another server, or this one after its restart, trains the run from its beginning.
    Shutdown,
    /// The machine had no process or thread for it, which is nobody's fault and may pass.
    NotStarted(io::Error),
    /// A failure of the server's, not of the data, which may be gone at the next attempt.
    CouldNotRun(Error),
    /// The training process was stopped from outside.
    Interrupted,
}

/// How a run ended.
pub struct RunEnd {
    pub outcome: Outcome,
    /// A code and a sentence for the person who submitted the run.
    pub error: Option<(String, String)>,
    pub report: Option<ChildReport>,
    /// The model's key in the file store, where it is durable already.
    pub model_key: Option<String>,
}

impl RunEnd {
    /// The end of a run without a model, explained by its outcome.
    pub fn without_model(outcome: Outcome) -> Self {
        let message = match outcome {
            Outcome::Completed | Outcome::Failed => "the run ended without a model",
            Outcome::Cancelled => "the run was cancelled",
            Outcome::TimedOut => "the run took longer than its time limit",
            Outcome::Panicked => "the training process panicked (internal error)",
            Outcome::OutOfMemory => "the training process needed more memory than it may use",
            Outcome::Crashed => "the training process crashed",
            Outcome::Interrupted => "the training process was stopped from outside, as at every attempt before",
        };
        Self::with_error(outcome, outcome.to_string(), message.to_owned())
    }

    /// The end of a run without a model, explained by a code and a sentence.
    pub fn with_error(outcome: Outcome, code: String, message: String) -> Self {
        Self { outcome, error: Some((code, message)), report: None, model_key: None }
    }

    /// The status of a run that ended so.
    pub fn status(&self) -> RunStatus {
        match self.outcome {
            Outcome::Completed => RunStatus::Completed,
            Outcome::Cancelled => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        }
    }
}
