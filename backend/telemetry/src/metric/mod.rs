//! A metric's row, the switch that all emits pass, and the three metric types.
//!
//! A metric can only be emitted through its row, so its name, labels and bounds are checked in one place.
//! Which metrics exist is said in `catalogue.rs` (standard) and in each service's own catalogue.
//! How values are kept and shown is said in `recorder/`.

mod declare;
mod series;

use std::sync::atomic::{AtomicU8, Ordering};

use metrics::{Key, Label as KeyLabel, SharedString};

pub(crate) use series::METADATA;
pub use series::{Counter, Gauge, Handle, Histogram, InProgress, Metric};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at 0.
    Counter,
    /// Only grows and has fractions, such as CPU seconds. It is set from a reading; the page types it as a counter.
    FloatCounter,
    /// Goes up and down; starts at 0.
    Gauge,
    /// A gauge that is absent until it is first set, because 0 would be a lie (a timestamp, a last score), and absent again
    /// once it is forgotten, because the last value would be one.
    Reading,
    /// A distribution over fixed buckets.
    Histogram,
}

/// Which values a label may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Only these; anything else is counted as `other`.
    Closed(&'static [&'static str]),
    /// Not known in advance; bounded by the metric's series cap.
    Open,
}

/// One label of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The label's name as Prometheus shows it.
    pub name: &'static str,
    /// The values it may take.
    pub values: Values,
}

/// The description of one metric: everything that is known of it before it is first emitted.
#[derive(Debug)]
pub struct Row {
    /// Full name, with unit suffix.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// The help text.
    pub help: &'static str,
    /// Label names and their values, in order of emission.
    pub labels: &'static [Label],
    /// Upper bounds of a histogram's buckets, in the unit of the name; empty for other kinds.
    pub buckets: &'static [f64],
}

/// The largest number of series a metric with an open label may have; further label sets share one `overflow` series.
pub const SERIES_CAP: usize = 1_000;

/// Stands for every closed-label value that is not in the list.
pub const OTHER: &str = "other";

/// Every label of the series that takes what the cap keeps out.
pub const OVERFLOW: &str = "overflow";

/// Where emits go.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Mode {
    /// Nowhere: no recorder is installed, and an emit costs one atomic load.
    Off,
    /// To the installed recorder, through handles that are kept.
    Kept,
    /// To whichever recorder the thread has, looked up each time: for tests.
    Local,
}

static MODE: AtomicU8 = AtomicU8::new(Mode::Off as u8);

fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        off if off == Mode::Off as u8 => Mode::Off,
        kept if kept == Mode::Kept as u8 => Mode::Kept,
        _ => Mode::Local,
    }
}

/// Emits go to the installed recorder and its handles are kept. Before this, none may have been kept.
pub(crate) fn switch_on() {
    MODE.store(Mode::Kept as u8, Ordering::Release);
}

/// For tests that install a recorder for one thread: no handle is kept between emits.
pub(crate) fn switch_to_local_recorders() {
    MODE.store(Mode::Local as u8, Ordering::Release);
}

/// Whether emits reach a recorder.
pub fn is_on() -> bool {
    mode() != Mode::Off
}

impl Row {
    /// The value as this row's label `position` may show it: itself, or `other` when the list does not hold it.
    fn bounded<'v>(&self, position: usize, value: &'v str) -> &'v str {
        match self.labels[position].values {
            Values::Open => value,
            Values::Closed(list) if list.contains(&value) => value,
            Values::Closed(_) => OTHER,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.labels.iter().any(|label| label.values == Values::Open)
    }

    fn key(&self, values: impl IntoIterator<Item = SharedString>) -> Key {
        let labels = self.labels.iter().zip(values).map(|(label, value)| KeyLabel::new(label.name, value));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    /// Whether its series are on the page before they are first emitted.
    pub(crate) fn is_seeded(&self) -> bool {
        !matches!(self.kind, Kind::Reading | Kind::FloatCounter) && !self.is_open()
    }

    /// Registers each series this row is known to have, so that it is on the page from the first scrape.
    pub(crate) fn touch_known_series(&self) {
        if !self.is_seeded() {
            return;
        }
        for values in self.label_sets() {
            let key = self.key(values.into_iter().map(SharedString::const_str));
            metrics::with_recorder(|recorder| match self.kind {
                Kind::Counter => recorder.register_counter(&key, &METADATA).increment(0),
                Kind::Histogram => drop(recorder.register_histogram(&key, &METADATA)),
                Kind::Gauge | Kind::Reading | Kind::FloatCounter => recorder.register_gauge(&key, &METADATA).set(0.0),
            });
        }
    }

    /// Every combination of the closed label values.
    fn label_sets(&self) -> Vec<Vec<&'static str>> {
        let mut sets = vec![Vec::new()];
        for label in self.labels {
            let Values::Closed(values) = label.values else { return Vec::new() };
            sets = sets
                .iter()
                .flat_map(|set| values.iter().map(|value| set.iter().copied().chain([*value]).collect()))
                .collect();
        }
        sets
    }
}
