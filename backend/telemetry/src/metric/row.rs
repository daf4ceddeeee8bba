//! The row of a metric: what is known of it before it is first emitted.

use metrics::{Key, KeyName, Label as KeyLabel, SharedString};

use super::handle::METADATA;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at 0.
    Counter,
    /// Only grows and has fractions, such as CPU seconds. It is set from a reading; the page types it as a counter.
    FloatCounter,
    /// Goes up and down; starts at 0.
    Gauge,
    /// A gauge that is absent until it is first set, because 0 would be wrong (a timestamp, a last score), and absent again
    /// once it is forgotten, because the last value would be wrong too.
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
    /// An HTTP status, exact (`404`) or as a class (`4xx`), or one of these words; anything else is counted as `other`. Too
    /// many to be there as 0 from the start, and too telling to be counted in `overflow`.
    Status(&'static [&'static str]),
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
///
/// ```
/// use belfry_telemetry::catalogue;
/// use belfry_telemetry::metric::{Kind, Label, OneOf, Open, Row, SERIES_CAP, Values};
///
/// catalogue! {
///     /// Parcels sent.
///     counter PARCELS_TOTAL = "shop_parcels_total" { city: Open, size: OneOf(&["small", "large"]) };
/// }
/// let row: &Row = PARCELS_TOTAL.row;
/// assert_eq!((row.name, row.kind, row.help), ("shop_parcels_total", Kind::Counter, "Parcels sent."));
/// let [city, size]: &[Label] = row.labels else { panic!("two labels") };
/// assert_eq!((city.values, size.values), (Values::Open, Values::Closed(&["small", "large"])));
/// assert_eq!(row.cap, SERIES_CAP);
/// ```
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
    /// The most series it may have when a label is open; in further label sets the open labels are `overflow`.
    pub cap: usize,
}

/// The cap of a row without `cap N`, and of each metric outside the catalogues.
pub const SERIES_CAP: usize = 1_000;

/// Stands for every value of a [`OneOf`] that is not in the row's list.
///
/// ```
/// use belfry_telemetry::metric::{OTHER, OVERFLOW};
///
/// // What no word of a list and no place under a cap was found for.
/// let promql = format!("sum by (metric) ({{language=~\"{OTHER}|{OVERFLOW}\"}})");
/// assert_eq!(promql, r#"sum by (metric) ({language=~"other|overflow"})"#);
/// ```
pub const OTHER: &str = "other";

/// The value of open labels in the series that counts emits past the cap.
pub const OVERFLOW: &str = "overflow";

impl Row {
    /// Replaces each value that its label's list does not hold by `other`.
    pub(super) fn replace_unlisted(&self, values: &mut [&str]) {
        for (label, value) in self.labels.iter().zip(values) {
            if let Values::Closed(list) = label.values
                && !list.contains(value)
            {
                *value = OTHER;
            }
        }
    }

    /// The value of label `position` past the cap: bounded values stay, so that errors remain distinguishable.
    pub(crate) fn overflow_value<'v>(&self, position: usize, value: &'v str) -> &'v str {
        if self.labels[position].values == Values::Open { OVERFLOW } else { value }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.labels.iter().any(|label| label.values == Values::Open)
    }

    /// Whether every value of every label is known.
    fn is_closed(&self) -> bool {
        self.labels.iter().all(|label| matches!(label.values, Values::Closed(_)))
    }

    /// Whether a series of it may be taken off the page again.
    pub(crate) fn may_be_absent(&self) -> bool {
        matches!(self.kind, Kind::Reading | Kind::FloatCounter)
    }

    pub(super) fn key(&self, values: impl IntoIterator<Item = SharedString>) -> Key {
        let labels = self.labels.iter().zip(values).map(|(label, value)| KeyLabel::new(label.name, value));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    /// Whether its series are on the page before they are first emitted.
    pub(crate) fn is_seeded(&self) -> bool {
        !self.may_be_absent() && self.is_closed()
    }

    /// Gives the recorder the help text; without a unit, which the names have already and which some recorders would append.
    pub(super) fn describe(&self) {
        let (name, help) = (KeyName::from_const_str(self.name), SharedString::const_str(self.help));
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge | Kind::Reading | Kind::FloatCounter => recorder.describe_gauge(name, None, help),
            Kind::Histogram => recorder.describe_histogram(name, None, help),
        });
    }

    /// Registers each series this row is known to have, so that it is on the page from the first scrape.
    pub(crate) fn register_known_series(&self) {
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
