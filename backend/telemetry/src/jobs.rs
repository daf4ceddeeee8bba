//! The job monitor: a guard around one run of a job, for any code. When the run has ended it is counted, and one log line
//! says how it went, with what was noted down on the way.
//!
//! Where runs are kept, and when they are due, is the service's own affair: it stores what the guard says.
//!
//! ```
//! use belfry_telemetry::jobs::{JobRun, Notes, Status};
//!
//! fn remove_old(files: &[&str], notes: &Notes) -> Result<(), String> {
//!     for file in files {
//!         if file.starts_with("locked") {
//!             return Err(format!("{file} cannot be removed"));
//!         }
//!         notes.add("removed", 1);
//!     }
//!     Ok(())
//! }
//!
//! let run = JobRun::begin("nightly_removal");
//! let ended = match remove_old(&["a", "b", "locked"], &run.notes()) {
//!     Ok(()) => run.succeeded(),
//!     Err(message) => run.failed(message),
//! };
//! // For a table of runs. Once that has it, or at once where there is none, the run is counted: when this is dropped.
//! assert_eq!(ended.status, Status::Failed);
//! assert_eq!(ended.message.as_deref(), Some("locked cannot be removed"));
//! assert_eq!(ended.metadata["removed"], 2);
//! ```

#[cfg(test)]
mod tests;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::catalogue::{
    SCHEDULER_JOB_DURATION_SECONDS, SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS, SCHEDULER_JOBS_IN_PROGRESS,
    SCHEDULER_JOBS_TOTAL,
};
use crate::metric::InProgress;

pub use turns::{aborted, announce, missed, next_due, overlapped};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did its work.
    Success,
    /// It ended in an error.
    Failed,
    /// It was given up before its end.
    Aborted,
}

impl Status {
    /// As in labels and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

/// What a run notes down as it goes; it is kept however the run ends. Clones write to the same notes.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Map<String, Value>>>);

impl Notes {
    /// Notes a value, in place of an earlier one.
    pub fn set(&self, name: impl Into<String>, value: impl Into<Value>) {
        self.map().insert(name.into(), value.into());
    }

    /// Adds to a count, which begins at 0.
    pub fn add(&self, name: &str, count: u64) {
        let mut map = self.map();
        let before = map.get(name).and_then(Value::as_u64).unwrap_or(0);
        map.insert(name.to_owned(), before.saturating_add(count).into());
    }

    /// What is noted down so far.
    pub fn so_far(&self) -> Map<String, Value> {
        self.map().clone()
    }

    fn map(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One run of a job under way. Dropped without a word it is `aborted`: right on cancel and on panic.
pub struct JobRun {
    /// Taken when the run ends.
    under_way: Option<UnderWay>,
    notes: Notes,
}

struct UnderWay {
    job_name: &'static str,
    started: Instant,
    in_progress: InProgress,
}

impl JobRun {
    /// Begins a run.
    pub fn begin(job_name: &'static str) -> Self {
        let in_progress = InProgress::enter(SCHEDULER_JOBS_IN_PROGRESS.with([job_name]));
        let under_way = UnderWay { job_name, started: Instant::now(), in_progress };
        Self { under_way: Some(under_way), notes: Notes::default() }
    }

    /// Where the work notes down what it does.
    pub fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// The run did its work.
    pub fn succeeded(self) -> Ended {
        self.end(Status::Success, None)
    }

    /// The run ended in an error, or took too long, or panicked: the message says which.
    pub fn failed(self, message: impl Into<String>) -> Ended {
        self.end(Status::Failed, Some(message.into()))
    }

    /// The run was given up for the reason that the message says.
    pub fn aborted(self, message: impl Into<String>) -> Ended {
        self.end(Status::Aborted, Some(message.into()))
    }

    fn end(mut self, status: Status, message: Option<String>) -> Ended {
        let under_way = self.under_way.take().expect("a run ends once: this takes it by value");
        under_way.end(status, message, self.notes.so_far())
    }
}

impl UnderWay {
    fn end(self, status: Status, message: Option<String>, metadata: Map<String, Value>) -> Ended {
        let Self { job_name, started, in_progress } = self;
        let duration = started.elapsed();
        Ended { job_name, status, duration, message, metadata, is_ours: true, _in_progress: in_progress }
    }
}

impl Drop for JobRun {
    fn drop(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            let message = if std::thread::panicking() { "it panicked" } else { "it was given up without a word" };
            drop(under_way.end(Status::Aborted, Some(message.to_owned()), self.notes.so_far()));
        }
    }
}

/// A run that has ended. It is counted, and its log line written, when this is dropped; until then it is in progress, so
/// that a service can put it on record first.
pub struct Ended {
    /// Of which job.
    pub job_name: &'static str,
    /// How.
    pub status: Status,
    /// After what time.
    pub duration: Duration,
    /// Why, if it did not succeed.
    pub message: Option<String>,
    /// What it had noted down.
    pub metadata: Map<String, Value>,
    is_ours: bool,
    _in_progress: InProgress,
}

impl Ended {
    /// Somebody else has declared the run dead meanwhile, and counted it by [`aborted`]: it is not counted here.
    pub fn taken_over(mut self) {
        self.is_ours = false;
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        let (job_name, status, duration_seconds) = (self.job_name, self.status, self.duration.as_secs_f64());
        SCHEDULER_JOBS_TOTAL.with([job_name, status.as_str()]).increment(1);
        SCHEDULER_JOB_DURATION_SECONDS.with([job_name]).record(duration_seconds);
        let cause = self.message.as_deref();
        let metadata = serde_json::to_string(&self.metadata).unwrap_or_default();
        match status {
            Status::Success => {
                SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS.with([job_name]).set(unix_seconds(SystemTime::now()));
                tracing::info!(job_name, duration_seconds, metadata, "a job did its work");
            }
            Status::Failed => tracing::error!(job_name, duration_seconds, cause, metadata, "a job failed"),
            Status::Aborted => tracing::warn!(job_name, duration_seconds, cause, metadata, "a job was aborted"),
        }
    }
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
