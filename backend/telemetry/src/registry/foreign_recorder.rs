//! A recorder that the service has installed itself: it stores the values, and there is no registry here.
//!
//! The cap of a row holds all the same, since [`Metric`](crate::metric::Metric) counts the handles it has given out. What
//! came past it is in the `overflow` series and not in `telemetry_series_dropped_total`.

use metrics::{KeyName, NoopRecorder, SharedString};

use super::InstallError;
use crate::metric::{self, Kind, Row};

/// Describes the rows to the recorder that is installed, registers each series that is known in advance, and sends emits
/// there from now on.
pub(crate) fn use_installed_recorder(rows: &[&'static Row]) -> Result<(), InstallError> {
    // The facade does not say whether it has a recorder; it refuses a second one.
    if metrics::set_global_recorder(NoopRecorder).is_ok() {
        return Err(InstallError::NoRecorder);
    }
    rows.iter().for_each(|row| describe(row));
    rows.iter().for_each(|row| row.register_known_series());
    metric::switch_on_without_registry();
    Ok(())
}

/// Without a unit, which the names have already and which some recorders would append.
fn describe(row: &Row) {
    let (name, help) = (KeyName::from_const_str(row.name), SharedString::const_str(row.help));
    metrics::with_recorder(|recorder| match row.kind {
        Kind::Counter => recorder.describe_counter(name, None, help),
        Kind::Gauge | Kind::Reading | Kind::FloatCounter => recorder.describe_gauge(name, None, help),
        Kind::Histogram => recorder.describe_histogram(name, None, help),
    });
}
