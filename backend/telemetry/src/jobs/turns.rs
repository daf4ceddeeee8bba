//! What a scheduler says of its jobs beside their runs.

use std::time::SystemTime;

use super::unix_seconds;
use crate::catalogue::{
    SCHEDULER_JOB_MISSES_TOTAL, SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS, SCHEDULER_JOB_OVERLAPS_TOTAL,
    SCHEDULER_JOBS_IN_PROGRESS, SCHEDULER_JOBS_TOTAL,
};

/// A run ended without a word, as somebody else has found.
pub fn aborted(job_name: &'static str) {
    SCHEDULER_JOBS_TOTAL.with([job_name, "aborted"]).increment(1);
}

/// Makes a job's series known before its first run.
pub fn announce(job_name: &'static str) {
    for status in ["success", "failed", "aborted"] {
        SCHEDULER_JOBS_TOTAL.with([job_name, status]).increment(0);
    }
    SCHEDULER_JOBS_IN_PROGRESS.with([job_name]).increment(0.0);
    SCHEDULER_JOB_OVERLAPS_TOTAL.with([job_name]).increment(0);
    SCHEDULER_JOB_MISSES_TOTAL.with([job_name]).increment(0);
}

/// Says when the job is next due.
pub fn next_due(job_name: &'static str, due: SystemTime) {
    SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS.with([job_name]).set(unix_seconds(due));
}

/// The job was due while its last run was still under way.
pub fn overlapped(job_name: &'static str) {
    SCHEDULER_JOB_OVERLAPS_TOTAL.with([job_name]).increment(1);
}

/// The job was due `times` times and did not start.
pub fn missed(job_name: &'static str, times: u64) {
    SCHEDULER_JOB_MISSES_TOTAL.with([job_name]).increment(times);
}
