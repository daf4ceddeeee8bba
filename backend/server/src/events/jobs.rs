//! Events of scheduled jobs beside what the job monitor counts itself.

use belfry_telemetry::catalogue::ERRORS_TOTAL;
use belfry_telemetry::jobs as monitor;

use crate::labels::Component;

/// A run ended in an error.
pub struct JobFailed {
    /// Of which job.
    pub job_name: &'static str,
}

impl JobFailed {
    /// Counts the error; the monitor counts the run and says why.
    pub fn emit(self) {
        ERRORS_TOTAL.with(("job_failed", self.job_name)).increment(1);
    }
}

/// A run was found whose process had died.
pub struct JobAborted<'a> {
    /// Of which job.
    pub job_name: &'static str,
    /// Of the run.
    pub id: &'a str,
}

impl JobAborted<'_> {
    /// Counts the run on behalf of the dead process.
    pub fn emit(self) {
        let Self { job_name, id } = self;
        monitor::aborted(job_name);
        tracing::warn!(job_name, id, "job aborted: its process died");
    }
}

/// The machine's clock was put forward or back.
pub struct ClockJumped {
    /// By how much; negative: back.
    pub seconds: f64,
}

impl ClockJumped {
    /// Writes the log line; consequences show in the counters of jobs and runs.
    pub fn emit(self) {
        tracing::warn!(seconds = self.seconds, "clock jumped; lease expiry suspended until holders can renew");
    }
}

/// A row named a file that the store has not had for longer than the grace.
pub struct FileLost<'a> {
    /// What it was: `dataset` or `model`.
    pub kind: &'static str,
    /// The file.
    pub storage_key: &'a str,
}

impl FileLost<'_> {
    /// Counts the loss.
    pub fn emit(self) {
        let Self { kind, storage_key } = self;
        ERRORS_TOTAL.with(("file_lost", Component::Storage)).increment(1);
        tracing::error!(kind, storage_key, "file lost: it is gone from the store, and its row was removed");
    }
}
