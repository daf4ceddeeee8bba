//! Events of uploads and of the datasets they become.

use std::time::Instant;

use belfry_telemetry::metric::InProgress;

use crate::catalogue::{
    DATASET_BYTES, DATASETS, UPLOAD_DURATION_SECONDS, UPLOAD_SIZE_BYTES, UPLOADS_IN_PROGRESS, UPLOADS_TOTAL,
};
use crate::error::{Error, chain};
use crate::labels::UploadOutcome;

/// One upload in flight. Dropped before its end is known, as when its client goes away, it counts as `cancelled`.
pub struct Upload {
    started: Instant,
    ended: bool,
    _in_progress: InProgress,
}

impl Upload {
    /// Begins with the upload's first byte.
    pub fn begin() -> Self {
        Self { started: Instant::now(), ended: false, _in_progress: InProgress::enter(UPLOADS_IN_PROGRESS.with(())) }
    }

    /// The dataset is durable and committed.
    pub fn stored(mut self, dataset_id: &str, size_bytes: u64, rows: u64, columns: usize) {
        UPLOAD_SIZE_BYTES.record(size_bytes as f64);
        let elapsed_seconds = self.end(UploadOutcome::Stored);
        tracing::info!(dataset_id, size_bytes, rows, columns, elapsed_seconds, "upload stored");
    }

    /// The upload was ended by an error, which is also the response.
    pub fn ended_by(mut self, error: &Error) {
        let outcome = outcome(error);
        let (code, elapsed_seconds) = (error.code(), self.end(outcome));
        match outcome {
            UploadOutcome::Failed => tracing::warn!(code, elapsed_seconds, "upload failed"),
            UploadOutcome::Cancelled => tracing::info!(code, elapsed_seconds, "upload cancelled by its client"),
            _ => tracing::info!(code, elapsed_seconds, "upload refused"),
        }
    }

    fn end(&mut self, outcome: UploadOutcome) -> f64 {
        self.ended = true;
        let elapsed_seconds = self.started.elapsed().as_secs_f64();
        UPLOADS_TOTAL.with(outcome).increment(1);
        UPLOAD_DURATION_SECONDS.with(outcome).record(elapsed_seconds);
        elapsed_seconds
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if std::thread::panicking() {
            self.end(UploadOutcome::Failed);
        } else {
            let elapsed_seconds = self.end(UploadOutcome::Cancelled);
            tracing::info!(elapsed_seconds, "upload cancelled by its client");
        }
    }
}

fn outcome(error: &Error) -> UploadOutcome {
    match error {
        Error::Incomplete | Error::Stalled(_) | Error::TooSlow(_) => UploadOutcome::Cancelled,
        // By its own size, or once unpacked.
        error if matches!(error.code(), "too_large" | "compression_ratio") => UploadOutcome::TooLarge,
        error if error.is_server_fault() => UploadOutcome::Failed,
        _ => UploadOutcome::Rejected,
    }
}

/// A client deleted a dataset.
pub struct DatasetDeleted<'d> {
    /// Its id.
    pub dataset_id: &'d str,
    /// Its size as stored.
    pub size_bytes: i64,
    /// Why its file is still there, if it is.
    pub file: Option<&'d object_store::Error>,
}

impl DatasetDeleted<'_> {
    /// Writes the log line; the gauges follow with [`DatasetTotals`].
    pub fn emit(self) {
        let Self { dataset_id, size_bytes, file } = self;
        match file {
            None => tracing::info!(dataset_id, size_bytes, "dataset deleted"),
            Some(error) => {
                tracing::warn!(
                    dataset_id,
                    size_bytes,
                    cause = chain(error),
                    "dataset deleted, but deleting its file failed"
                );
            }
        }
    }
}

/// What is stored, as the database has it.
pub struct DatasetTotals {
    /// Datasets that have not expired.
    pub datasets: i64,
    /// Their bytes, as they were sent.
    pub size_bytes: i64,
}

impl DatasetTotals {
    /// Sets the gauges, or removes them from the exposition when the totals are not known.
    pub fn emit(totals: Option<Self>) {
        DATASETS.set_or_forget(totals.as_ref().map(|totals| totals.datasets as f64));
        DATASET_BYTES.set_or_forget(totals.as_ref().map(|totals| totals.size_bytes as f64));
    }
}
