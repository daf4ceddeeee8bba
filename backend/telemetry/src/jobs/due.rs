//! What a scheduler tells besides the runs of its jobs: their schedules, overlaps, missed and next times, and how the last ones
//! ended before its process was started.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use belfry_telemetry::jobs;
//!
//! jobs::register_series("nightly_removal");
//! jobs::next_due("nightly_removal", SystemTime::now() + Duration::from_secs(3600));
//! ```

use std::time::{Duration, SystemTime};

use strum::IntoEnumIterator;

use super::unix_seconds;
use crate::catalogue::{
    JobStatus, SCHEDULER_JOB_INTERVAL_SECONDS, SCHEDULER_JOB_LAST_FAILURE_TIMESTAMP_SECONDS,
    SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS, SCHEDULER_JOB_MISSES_TOTAL, SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS,
    SCHEDULER_JOB_OVERLAPS_TOTAL, SCHEDULER_JOBS_IN_PROGRESS, SCHEDULER_JOBS_TOTAL,
};

/// Counts a run whose process died, as another process has found.
pub fn aborted(job_name: &'static str) {
    SCHEDULER_JOBS_TOTAL.with((job_name, JobStatus::Aborted)).increment(1);
    SCHEDULER_JOB_LAST_FAILURE_TIMESTAMP_SECONDS.with(job_name).set(unix_seconds(SystemTime::now()));
}

/// Registers a job's series before its first run.
///
/// ```
/// use belfry_telemetry::{jobs, testing::changed_series};
/// use std::time::{Duration, SystemTime};
///
/// let series = changed_series(|| {
///     jobs::register_series("invoices");
///     jobs::next_due("invoices", SystemTime::UNIX_EPOCH + Duration::from_secs(60));
///     // It was due once while it ran, twice while the process was down, and once its process died.
///     jobs::overlapped("invoices");
///     jobs::missed("invoices", 2);
///     jobs::aborted("invoices");
/// });
/// assert!(series.contains(&r#"scheduler_job_misses_total{job_name="invoices"} 2"#.to_owned()));
/// assert!(series.contains(&r#"scheduler_jobs_total{job_name="invoices",status="aborted"} 1"#.to_owned()));
/// ```
pub fn register_series(job_name: &'static str) {
    for status in JobStatus::iter() {
        SCHEDULER_JOBS_TOTAL.with((job_name, status)).increment(0);
    }
    SCHEDULER_JOBS_IN_PROGRESS.with(job_name).increment(0.0);
    SCHEDULER_JOB_OVERLAPS_TOTAL.with(job_name).increment(0);
    SCHEDULER_JOB_MISSES_TOTAL.with(job_name).increment(0);
}

/// Sets when the job is next due.
pub fn next_due(job_name: &'static str, due: SystemTime) {
    SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS.with(job_name).set(unix_seconds(due));
}

/// Sets the time from one scheduled run to the next.
pub fn interval(job_name: &'static str, interval: Duration) {
    SCHEDULER_JOB_INTERVAL_SECONDS.with(job_name).set(interval.as_secs_f64());
}

/// Sets when the job last succeeded and last did not, as far as a history of runs knows it: a process that has just started has
/// seen neither.
///
/// ```
/// use belfry_telemetry::{jobs, testing::changed_series};
/// use std::time::{Duration, SystemTime};
///
/// let series = changed_series(|| {
///     jobs::interval("invoices", Duration::from_secs(86_400));
///     jobs::last_ends("invoices", Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60)), None);
/// });
/// let expected = [
///     r#"scheduler_job_interval_seconds{job_name="invoices"} 86400"#,
///     r#"scheduler_job_last_success_timestamp_seconds{job_name="invoices"} 60"#,
/// ];
/// assert_eq!(series, expected);
/// ```
pub fn last_ends(job_name: &'static str, success: Option<SystemTime>, failure: Option<SystemTime>) {
    if let Some(success) = success {
        SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS.with(job_name).set(unix_seconds(success));
    }
    if let Some(failure) = failure {
        SCHEDULER_JOB_LAST_FAILURE_TIMESTAMP_SECONDS.with(job_name).set(unix_seconds(failure));
    }
}

/// The job was due while its last run was still in progress.
pub fn overlapped(job_name: &'static str) {
    SCHEDULER_JOB_OVERLAPS_TOTAL.with(job_name).increment(1);
}

/// The job was due `times` times and did not start.
pub fn missed(job_name: &'static str, times: u64) {
    SCHEDULER_JOB_MISSES_TOTAL.with(job_name).increment(times);
}
