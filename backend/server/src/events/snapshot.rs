//! What the job `business_snapshot` last counted.

use crate::catalogue::RUNS;
use crate::labels::RunStatus;

/// How many training runs have this status.
pub struct RunsCounted {
    /// The status.
    pub status: RunStatus,
    /// Runs.
    pub count: i64,
}

impl RunsCounted {
    /// Sets the gauge.
    pub fn emit(self) {
        RUNS.with(self.status).set(self.count as f64);
    }
}
