//! A recorder that the service has installed itself: it stores the values, and there is no registry here.
//!
//! The cap of a row holds all the same, since [`Metric`](crate::metric::Metric) counts the handles it has given out. What
//! came past it is in the `overflow` series and not in `telemetry_series_dropped_total`.

use std::sync::atomic::{AtomicBool, Ordering};

use metrics::NoopRecorder;

use super::InstallError;
use crate::metric::{self, Row};

// Whether the recorder that is installed is the one with which it was tried.
static IS_NOOP: AtomicBool = AtomicBool::new(false);

/// Has the rows emitted to the recorder that is installed, and fails if there is none; then the process can have none any more.
pub(crate) fn use_installed_recorder(rows: &[&'static Row]) -> Result<(), InstallError> {
    // The facade does not say whether it has a recorder; it refuses a second one.
    if metrics::set_global_recorder(NoopRecorder).is_ok() {
        IS_NOOP.store(true, Ordering::Relaxed);
    }
    if IS_NOOP.load(Ordering::Relaxed) {
        return Err(InstallError::NoRecorder);
    }
    metric::emit_to_installed_recorder(rows);
    Ok(())
}
