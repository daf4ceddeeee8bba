//! Events of the TTL clean-up.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::catalogue::{
    CLEANUP_BYTES_FREED_TOTAL, CLEANUP_CYCLES_TOTAL, CLEANUP_DURATION_SECONDS, CLEANUP_ERRORS_TOTAL,
    CLEANUP_FILES_REMOVED_TOTAL, CLEANUP_LAG_SECONDS, CLEANUP_LAST_SUCCESS_TIMESTAMP_SECONDS,
};
use crate::error::{Error, chain};

/// One cycle under way. Dropped without a word it counts as `cancelled`.
pub struct CleanupCycle {
    started: Instant,
    outcome: &'static str,
}

impl CleanupCycle {
    /// Begins a cycle.
    pub fn begin() -> Self {
        Self { started: Instant::now(), outcome: "cancelled" }
    }

    /// The cycle looked at every expired dataset.
    pub fn completed(mut self, removed: u64, failed: u64) {
        self.outcome = "completed";
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        CLEANUP_LAST_SUCCESS_TIMESTAMP_SECONDS.set(now.as_secs_f64());
        if removed > 0 || failed > 0 {
            tracing::info!(removed, failed, "expired datasets were removed");
        }
    }

    /// The process stops before the cycle has seen everything; the next one goes on.
    pub fn interrupted(self, removed: u64, failed: u64) {
        tracing::info!(removed, failed, "the removal of expired datasets was interrupted");
    }

    /// The cycle could not go on; its caller logs why.
    pub fn failed(mut self) {
        self.outcome = "failed";
    }
}

impl Drop for CleanupCycle {
    fn drop(&mut self) {
        CLEANUP_CYCLES_TOTAL.with([self.outcome]).increment(1);
        CLEANUP_DURATION_SECONDS.record(self.started.elapsed().as_secs_f64());
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
        tracing::debug!(dataset_id = self.dataset_id, size_bytes = self.size_bytes, "an expired dataset was removed");
    }
}

/// An expired dataset could not be removed; the next cycle tries again.
pub struct ExpiredDatasetKept<'e> {
    /// Its id.
    pub dataset_id: String,
    /// Why.
    pub error: &'e Error,
}

impl ExpiredDatasetKept<'_> {
    /// Counts the failure.
    pub fn emit(self) {
        CLEANUP_ERRORS_TOTAL.increment(1);
        tracing::warn!(
            dataset_id = self.dataset_id,
            cause = chain(self.error),
            "an expired dataset could not be removed"
        );
    }
}

/// How far clean-up is behind.
pub struct CleanupLag {
    /// Time since the oldest dataset that should be gone expired, in seconds; 0 when there is none, `None` when nobody knows.
    pub seconds: Option<f64>,
}

impl CleanupLag {
    /// Sets the gauge, or takes it off the page.
    pub fn emit(self) {
        CLEANUP_LAG_SECONDS.set_or_forget(self.seconds);
    }
}
