//! Events of the TTL clean-up.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::catalogue::{
    CLEANUP_BYTES_FREED_TOTAL, CLEANUP_CYCLES_TOTAL, CLEANUP_DURATION_SECONDS, CLEANUP_ERRORS_TOTAL,
    CLEANUP_FILES_REMOVED_TOTAL, CLEANUP_LAG_SECONDS, CLEANUP_LAST_SUCCESS_TIMESTAMP_SECONDS,
};
use crate::error::{Error, chain};
use crate::labels::CleanupOutcome;

/// One cycle in flight. Dropped before its end is known it counts as `cancelled`.
pub struct CleanupCycle {
    started: Instant,
    ended: bool,
}

impl CleanupCycle {
    /// Begins a cycle.
    pub fn begin() -> Self {
        Self { started: Instant::now(), ended: false }
    }

    /// The cycle looked at every expired dataset.
    pub fn completed(mut self, removed: u64, failed: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        CLEANUP_LAST_SUCCESS_TIMESTAMP_SECONDS.set(now.as_secs_f64());
        self.end(CleanupOutcome::Completed);
        if removed > 0 || failed > 0 {
            tracing::info!(removed, failed, "expired datasets removed");
        }
    }

    /// The process stops before the cycle has seen everything; the next one goes on.
    pub fn interrupted(mut self, removed: u64, failed: u64) {
        self.end(CleanupOutcome::Cancelled);
        tracing::info!(removed, failed, "removal of expired datasets interrupted");
    }

    /// The cycle could not go on; its caller logs why.
    pub fn failed(mut self) {
        self.end(CleanupOutcome::Failed);
    }

    fn end(&mut self, outcome: CleanupOutcome) {
        self.ended = true;
        CLEANUP_CYCLES_TOTAL.with(outcome).increment(1);
        CLEANUP_DURATION_SECONDS.record(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for CleanupCycle {
    fn drop(&mut self) {
        if !self.ended {
            self.end(CleanupOutcome::Cancelled);
        }
    }
}

/// An expired dataset and its file are gone.
pub struct ExpiredDatasetRemoved {
    /// Its id.
    pub dataset_id: String,
    /// Its size as stored.
    pub size_bytes: u64,
}

impl ExpiredDatasetRemoved {
    /// Counts the file and its bytes.
    pub fn emit(self) {
        CLEANUP_FILES_REMOVED_TOTAL.increment(1);
        CLEANUP_BYTES_FREED_TOTAL.increment(self.size_bytes);
        tracing::debug!(dataset_id = self.dataset_id, size_bytes = self.size_bytes, "expired dataset removed");
    }
}

/// An expired dataset could not be removed; the next cycle tries again.
pub struct ExpiredDatasetNotRemoved<'e> {
    /// Its id.
    pub dataset_id: String,
    /// Why.
    pub error: &'e Error,
}

impl ExpiredDatasetNotRemoved<'_> {
    /// Counts the failure.
    pub fn emit(self) {
        CLEANUP_ERRORS_TOTAL.increment(1);
        tracing::warn!(dataset_id = self.dataset_id, cause = chain(self.error), "expired dataset not removed");
    }
}

/// How far clean-up is behind.
pub struct CleanupLag {
    /// Time since the oldest dataset that should be gone expired, in seconds; 0 when there is none, `None` when nobody knows.
    pub seconds: Option<f64>,
}

impl CleanupLag {
    /// Sets the gauge, or removes it from the exposition.
    pub fn emit(self) {
        CLEANUP_LAG_SECONDS.set_or_forget(self.seconds);
    }
}
