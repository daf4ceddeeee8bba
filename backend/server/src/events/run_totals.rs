//! How many training runs the database has.

use strum::IntoEnumIterator;

use crate::catalogue::RUNS;
use crate::labels::RunStatus;

/// The runs of each status; a status that no run has is left out.
pub struct RunTotals(pub Vec<(RunStatus, i64)>);

impl RunTotals {
    /// Sets the gauges, or removes them from the exposition when the totals are not known.
    pub fn emit(totals: Option<Self>) {
        for status in RunStatus::iter() {
            let Some(Self(counts)) = &totals else {
                RUNS.forget(status);
                continue;
            };
            let found = counts.iter().find(|(counted, _)| *counted == status);
            RUNS.with(status).set(found.map_or(0.0, |(_, count)| *count as f64));
        }
    }
}
