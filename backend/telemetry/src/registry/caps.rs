//! Every cap on the number of series and of metrics, for catalogue rows and for metrics of no catalogue alike.
//!
//! Past its cap a metric has one more series for each combination of its closed labels, with its open labels set to
//! `overflow`. Emits to it are counted in `telemetry_series_dropped_total` (`dropped.rs`). How many series a row may have
//! is its own [`Row::cap`].

use metrics::{Key, Label};

use crate::metric::{OVERFLOW, Row, SERIES_CAP};

/// The most metrics that are in no catalogue: a library has a few dozen.
pub(crate) const FOREIGN_METRICS_CAP: usize = 200;

/// Whether a metric with this many series may not have another one. A metric without a row is in no catalogue.
pub(super) fn is_full(row: Option<&Row>, series: usize) -> bool {
    match row {
        // Closed labels bound themselves.
        Some(row) => row.is_open() && series >= row.cap,
        None => series >= SERIES_CAP,
    }
}

/// Whether there may not be another metric that is in no catalogue.
pub(super) fn is_full_of_foreign_metrics(foreign: usize) -> bool {
    foreign >= FOREIGN_METRICS_CAP
}

/// The key of the series that counts what came past the cap: bounded labels keep their value, so that errors can still be
/// told from the rest.
pub(super) fn overflow_key(row: Option<&Row>, key: &Key) -> Key {
    let labels = key.labels().enumerate().map(|(position, label)| {
        let value = row.map_or(OVERFLOW, |row| row.overflow_value(position, label.value()));
        Label::new(label.key().to_owned(), value.to_owned())
    });
    Key::from_parts(key.name().to_owned(), labels.collect::<Vec<_>>())
}
