//! Decides whether a cap is reached.
//!
//! The cap on the series of a metric is `cap N` on its catalogue row ([`Row::cap`], by default [`SERIES_CAP`]). Only the cap on
//! the number of metrics outside the catalogues is defined here.
//!
//! Past its cap a metric has one more series for each combination of its closed labels, with its open labels set to
//! `overflow`. Emits to it are counted in `telemetry_series_dropped_total` (`dropped.rs`).

use metrics::{Key, Label};

use crate::metric::{OVERFLOW, Row, SERIES_CAP};

/// The most metrics outside the catalogues: a library has a few dozen.
pub(crate) const FOREIGN_METRICS_CAP: usize = 200;

/// Whether a metric with this many series is at its cap. A metric without a row is outside the catalogues.
pub(super) fn is_full(row: Option<&Row>, series: usize) -> bool {
    match row {
        // Closed labels bound themselves.
        Some(row) => row.is_open() && series >= row.cap,
        None => series >= SERIES_CAP,
    }
}

/// Whether the metrics outside the catalogues are at their cap.
pub(super) fn is_full_of_foreign_metrics(foreign: usize) -> bool {
    foreign >= FOREIGN_METRICS_CAP
}

/// The key of the series that counts emits past the cap: bounded labels keep their value, so that errors remain
/// distinguishable.
pub(super) fn overflow_key(row: Option<&Row>, key: &Key) -> Key {
    let labels = key.labels().enumerate().map(|(position, label)| {
        let value = row.map_or(OVERFLOW, |row| row.overflow_value(position, label.value()));
        Label::new(label.key().to_owned(), value.to_owned())
    });
    Key::from_parts(key.name().to_owned(), labels.collect::<Vec<_>>())
}
