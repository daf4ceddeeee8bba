//! The job monitor: a guard around one run of a job, for any code. When the run has ended it is counted, and one log line
//! says how it went, with the metadata that it recorded.
//!
//! Storing runs, and when they are due, is up to the service: it stores the [`EndedRun`].
//!
//! ```
//! use belfry_telemetry::jobs::{JobMetadata, JobRun, Status};
//!
//! fn remove_old(files: &[&str], metadata: &JobMetadata) -> Result<(), String> {
//!     for file in files {
//!         if file.starts_with("locked") {
//!             return Err(format!("{file} cannot be removed"));
//!         }
//!         metadata.add("removed", 1);
//!     }
//!     Ok(())
//! }
//!
//! let run = JobRun::begin("nightly_removal");
//! let ended = match remove_old(&["a", "b", "locked"], &run.metadata()) {
//!     Ok(()) => run.succeeded(),
//!     Err(message) => run.failed(message),
//! };
//! // Store it here, in a table of runs, if there is one.
//! assert_eq!(ended.status, Status::Failed);
//! assert_eq!(ended.message.as_deref(), Some("locked cannot be removed"));
//! assert_eq!(ended.metadata["removed"], 2);
//! // Counts the run and writes the log line.
//! ended.record();
//! ```

mod due;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::catalogue::{
    SCHEDULER_JOB_DURATION_SECONDS, SCHEDULER_JOB_LAST_FAILURE_TIMESTAMP_SECONDS,
    SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS, SCHEDULER_JOBS_IN_PROGRESS, SCHEDULER_JOBS_TOTAL,
};
use crate::metric::InProgress;

pub use crate::catalogue::JobStatus as Status;
pub use due::{aborted, interval, last_ends, missed, next_due, overlapped, register_series};

/// What a run records about its work, as JSON; it is stored however the run ends. Clones share one map.
///
/// ```
/// use belfry_telemetry::jobs::JobMetadata;
///
/// let metadata = JobMetadata::default();
/// metadata.set("folder", "invoices");
/// metadata.add("sent", 2);
/// metadata.add("sent", 1);
/// assert_eq!(metadata.snapshot()["sent"], 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct JobMetadata(Arc<Mutex<Map<String, Value>>>);

impl JobMetadata {
    /// Sets a value, in place of an earlier one.
    pub fn set(&self, name: impl Into<String>, value: impl Into<Value>) {
        self.map().insert(name.into(), value.into());
    }

    /// Adds to a count, which begins at 0.
    pub fn add(&self, name: &str, count: u64) {
        let mut map = self.map();
        let before = map.get(name).and_then(Value::as_u64).unwrap_or(0);
        map.insert(name.to_owned(), before.saturating_add(count).into());
    }

    /// A copy of what is recorded so far.
    pub fn snapshot(&self) -> Map<String, Value> {
        self.map().clone()
    }

    fn map(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard of one run of a job. Dropped before its end the run counts as `aborted`: it was cancelled, or panicked.
///
/// ```
/// use belfry_telemetry::{jobs::JobRun, testing::changed_series};
///
/// let series = changed_series(|| {
///     JobRun::begin("invoices").succeeded().record();
///     JobRun::begin("invoices").failed("no paper").record();
///     JobRun::begin("invoices").aborted("the process stops").record();
///     // Cancelled, or panicked.
///     drop(JobRun::begin("invoices"));
/// });
/// assert!(series.contains(&r#"scheduler_jobs_total{job_name="invoices",status="aborted"} 2"#.to_owned()));
/// ```
pub struct JobRun {
    /// None once the run has ended.
    active: Option<ActiveRun>,
    metadata: JobMetadata,
}

struct ActiveRun {
    job_name: &'static str,
    started: Instant,
    in_progress: InProgress,
}

impl JobRun {
    /// Begins a run.
    pub fn begin(job_name: &'static str) -> Self {
        let in_progress = InProgress::enter(SCHEDULER_JOBS_IN_PROGRESS.with(job_name));
        let active = ActiveRun { job_name, started: Instant::now(), in_progress };
        Self { active: Some(active), metadata: JobMetadata::default() }
    }

    /// Where the work records what it does.
    pub fn metadata(&self) -> JobMetadata {
        self.metadata.clone()
    }

    /// The run did its work.
    pub fn succeeded(self) -> EndedRun {
        self.end(Status::Success, None)
    }

    /// The run ended in an error, or took too long, or panicked: the message says which.
    pub fn failed(self, message: impl Into<String>) -> EndedRun {
        self.end(Status::Failed, Some(message.into()))
    }

    /// The run was stopped; the message says why.
    pub fn aborted(self, message: impl Into<String>) -> EndedRun {
        self.end(Status::Aborted, Some(message.into()))
    }

    fn end(mut self, status: Status, message: Option<String>) -> EndedRun {
        let active = self.active.take().expect("a run ends once: this takes it by value");
        active.end(status, message, self.metadata.snapshot())
    }
}

impl ActiveRun {
    fn end(self, status: Status, message: Option<String>, metadata: Map<String, Value>) -> EndedRun {
        let Self { job_name, started, in_progress } = self;
        let duration = started.elapsed();
        EndedRun { job_name, status, duration, message, metadata, is_recorded: false, in_progress: Some(in_progress) }
    }
}

impl Drop for JobRun {
    fn drop(&mut self) {
        if let Some(active) = self.active.take() {
            let message = if std::thread::panicking() { "the run panicked" } else { "the run was cancelled" };
            active.end(Status::Aborted, Some(message.to_owned()), self.metadata.snapshot()).record();
        }
    }
}

/// A run that has ended. It counts as in progress until [`record`](Self::record), so that a service can store it first.
///
/// Dropped without it, because storing was cancelled or panicked, the run counts as `aborted`.
///
/// ```
/// use belfry_telemetry::jobs::JobRun;
///
/// let run = JobRun::begin("invoices");
/// run.metadata().add("sent", 3);
/// let ended = run.succeeded();
/// // Here it is stored, unless another process has declared it dead.
/// let is_still_ours = ended.metadata["sent"] == 3;
/// if is_still_ours { ended.record() } else { ended.discard() }
/// ```
#[must_use = "a run is counted by `record`"]
pub struct EndedRun {
    /// Of which job.
    pub job_name: &'static str,
    /// How it ended.
    pub status: Status,
    /// How long it took.
    pub duration: Duration,
    /// Why, if it did not succeed.
    pub message: Option<String>,
    /// What it recorded about its work.
    pub metadata: Map<String, Value>,
    is_recorded: bool,
    in_progress: Option<InProgress>,
}

impl EndedRun {
    /// Counts the run and writes its log line.
    pub fn record(mut self) {
        self.is_recorded = true;
        self.emit();
    }

    /// Another process has declared the run dead meanwhile, and counted it by [`aborted`]: it is not counted here.
    pub fn discard(mut self) {
        self.is_recorded = true;
    }

    fn emit(&self) {
        let (job_name, status, duration_seconds) = (self.job_name, self.status, self.duration.as_secs_f64());
        SCHEDULER_JOBS_TOTAL.with((job_name, status)).increment(1);
        SCHEDULER_JOB_DURATION_SECONDS.with(job_name).record(duration_seconds);
        let last_end = match status {
            Status::Success => &SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS,
            Status::Failed | Status::Aborted => &SCHEDULER_JOB_LAST_FAILURE_TIMESTAMP_SECONDS,
        };
        last_end.with(job_name).set(unix_seconds(SystemTime::now()));
        let cause = self.message.as_deref();
        let metadata = serde_json::to_string(&self.metadata).unwrap_or_default();
        match status {
            Status::Success => tracing::info!(job_name, duration_seconds, metadata, "job succeeded"),
            Status::Failed => tracing::error!(job_name, duration_seconds, cause, metadata, "job failed"),
            Status::Aborted => tracing::warn!(job_name, duration_seconds, cause, metadata, "job aborted"),
        }
    }
}

impl Drop for EndedRun {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.status = Status::Aborted;
            self.message = Some("the end of the run could not be stored".to_owned());
            self.emit();
        }
        // After the run is counted, so that no scrape sees it neither in progress nor ended.
        self.in_progress = None;
    }
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
