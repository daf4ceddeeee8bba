//! Checks of a catalogue's rows: what no registry could repair is refused before anything is emitted.

use super::{InstallError, names};
use crate::metric::{Kind, Row};

/// Whether these rows can be the metrics of one page.
pub(super) fn check(rows: &[&'static Row]) -> Result<(), InstallError> {
    for (index, row) in rows.iter().enumerate() {
        if rows[..index].iter().any(|earlier| earlier.name == row.name) || is_histogram_line(row, rows) {
            return Err(InstallError::Duplicate(row.name));
        }
        check_name(row)?;
        check_labels(row)?;
        let ascending = !row.buckets.is_empty() && row.buckets.windows(2).all(|pair| pair[0] < pair[1]);
        if row.kind == Kind::Histogram && !(ascending && row.buckets.iter().all(|bound| bound.is_finite())) {
            return Err(InstallError::NoBuckets(row.name));
        }
    }
    Ok(())
}

fn is_histogram_line(row: &Row, rows: &[&'static Row]) -> bool {
    let base = names::HISTOGRAM_SUFFIXES.iter().find_map(|suffix| row.name.strip_suffix(suffix));
    base.is_some_and(|base| rows.iter().any(|other| other.kind == Kind::Histogram && other.name == base))
}

fn check_name(row: &Row) -> Result<(), InstallError> {
    let wrong = |expected| Err(InstallError::Name { metric: row.name, expected });
    if !names::is_legal(row.name) {
        return wrong("letters, digits and _, and no digit at the beginning");
    }
    let is_counter = matches!(row.kind, Kind::Counter | Kind::FloatCounter);
    match (is_counter, row.name.ends_with("_total")) {
        (true, false) => wrong("_total at the end, as a counter has"),
        (false, true) => wrong("no _total at the end, which is for counters"),
        _ => Ok(()),
    }
}

fn check_labels(row: &Row) -> Result<(), InstallError> {
    for (index, label) in row.labels.iter().enumerate() {
        let wrong = |expected| Err(InstallError::Label { metric: row.name, label: label.name, expected });
        if !names::is_legal(label.name) {
            return wrong("letters, digits and _, and no digit at the beginning");
        }
        if names::is_reserved(label.name) {
            return wrong("another name: Prometheus keeps this one for itself");
        }
        if row.labels[..index].iter().any(|earlier| earlier.name == label.name) {
            return wrong("each label once");
        }
    }
    Ok(())
}
