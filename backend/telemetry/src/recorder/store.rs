//! The values of every series, kept as Prometheus reads them: counts, not samples, so that nothing grows between scrapes.
//!
//! A [`metrics::Recorder`]: whatever emits through the facade arrives here, catalogue or not. What is in the catalogue must
//! fit its row; what is not is bounded here. Writing the page is the affair of `text.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::catalogue::{LATENCY_SECONDS, TELEMETRY_SERIES_DROPPED_TOTAL};
use crate::metric::{Kind, OVERFLOW, Row, SERIES_CAP};

/// Every family of the page, by name.
pub(super) struct Store {
    families: RwLock<BTreeMap<String, Arc<Family>>>,
}

/// All series of one metric.
pub(super) struct Family {
    pub(super) kind: Kind,
    pub(super) help: RwLock<SharedString>,
    /// Upper bounds of the buckets, with their text.
    pub(super) bounds: Arc<[(f64, String)]>,
    // None: the metric is in no catalogue.
    row: Option<&'static Row>,
    /// By their labels as the page shows them, `method="GET",endpoint="/"`, so that a page is mostly copied.
    pub(super) series: RwLock<BTreeMap<String, Value>>,
}

/// The value of one series.
#[derive(Clone)]
pub(super) enum Value {
    Count(Arc<AtomicU64>),
    /// The bits of a float.
    Level(Arc<AtomicU64>),
    Distribution(Arc<Distribution>),
}

/// How many values fell between two bounds each, and their sum.
pub(super) struct Distribution {
    bounds: Arc<[(f64, String)]>,
    // The sum, as the bits of a float, then a count for each bucket. Apart from the bounds, which other threads read meanwhile.
    sum_and_counts: Box<[AtomicU64]>,
}

impl Store {
    /// A store for these rows, of which each name must be there once. `bounds` gives the buckets of a histogram.
    pub(super) fn new(rows: &[&'static Row], bounds: impl Fn(&Row) -> Vec<f64>) -> Self {
        let family = |row: &&'static Row| {
            let help = SharedString::const_str(row.help);
            (row.name.to_owned(), Arc::new(Family::new(row.kind, help, &bounds(row), Some(row))))
        };
        Self { families: RwLock::new(rows.iter().map(family).collect()) }
    }

    /// Every family in the order of their names.
    pub(super) fn families(&self) -> Vec<(String, Arc<Family>)> {
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        families.iter().map(|(name, family)| (name.clone(), family.clone())).collect()
    }

    /// The family of a name, made when no catalogue has it.
    fn family(&self, name: &str, kind: Kind) -> Arc<Family> {
        let name = legal(name, true);
        if let Some(family) = self.families.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return family.clone();
        }
        let mut families = self.families.write().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(Family::new(kind, SharedString::const_str(""), LATENCY_SECONDS, None));
        families.entry(name).or_insert_with(made).clone()
    }

    /// The value behind a key; `None` when it would be something else under the name of a metric that is there.
    fn value(&self, key: &Key, kind: Kind) -> Option<Value> {
        let family = self.family(key.name(), kind);
        let (value, is_whole) = if family.takes(key, kind) { family.value(key) } else { (None, false) };
        if !is_whole && key.name() != TELEMETRY_SERIES_DROPPED_TOTAL.row.name {
            // Not under a lock: this comes back here.
            TELEMETRY_SERIES_DROPPED_TOTAL.with([key.name()]).increment(1);
        }
        value
    }

    fn describe(&self, name: &KeyName, kind: Kind, help: SharedString) {
        let family = self.family(name.as_str(), kind);
        if family.row.is_none() {
            *family.help.write().unwrap_or_else(PoisonError::into_inner) = help;
        }
    }
}

impl Family {
    fn new(kind: Kind, help: SharedString, bounds: &[f64], row: Option<&'static Row>) -> Self {
        let bounds = bounds.iter().map(|bound| (*bound, bound.to_string())).collect();
        Self { kind, help: RwLock::new(help), bounds, row, series: RwLock::default() }
    }

    /// Whether a key of this name is the same metric: of the same type and, where a row says so, with the same labels.
    fn takes(&self, key: &Key, kind: Kind) -> bool {
        let same_kind = match self.kind {
            Kind::Gauge | Kind::Reading | Kind::FloatCounter => kind == Kind::Gauge,
            own => kind == own,
        };
        let same_labels =
            |row: &Row| row.labels.iter().map(|label| label.name).eq(key.labels().map(|label| label.key()));
        same_kind && self.row.is_none_or(same_labels)
    }

    /// The value of a series, and whether the series is its own rather than the overflow.
    fn value(&self, key: &Key) -> (Option<Value>, bool) {
        let labels = labels(key, self.row.is_none(), |value| value);
        if let Some(value) = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
            return (Some(value.clone()), true);
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        // The catalogue's own metrics keep their cap themselves.
        let is_over = self.row.is_none() && series.len() >= SERIES_CAP && !series.contains_key(&labels);
        let labels = if is_over { self::labels(key, true, |_| OVERFLOW) } else { labels };
        (Some(series.entry(labels).or_insert_with(|| self.zero()).clone()), !is_over)
    }

    fn zero(&self) -> Value {
        match self.kind {
            Kind::Counter => Value::Count(Arc::default()),
            Kind::Gauge | Kind::Reading | Kind::FloatCounter => Value::Level(Arc::default()),
            Kind::Histogram => Value::Distribution(Arc::new(Distribution::new(self.bounds.clone()))),
        }
    }
}

/// A key's labels as the page shows them. Of a metric without a row their order is nobody's word, so they are sorted.
fn labels<'k>(key: &'k Key, sorted: bool, shown: impl Fn(&'k str) -> &'k str) -> String {
    let mut labels: Vec<_> = key.labels().map(|label| (label.key(), shown(label.value()))).collect();
    if sorted {
        labels.sort_unstable();
    }
    let mut text = String::new();
    for (name, value) in labels {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{}=\"{}\"", legal(name, false), escaped(value));
    }
    text
}

/// A label value with what the format gives a meaning escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

/// A name with every character that the format does not know replaced; a colon is for metric names.
fn legal(name: &str, colon: bool) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    let mut text: String = name.chars().map(|c| if known(c) { c } else { '_' }).collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

impl Recorder for Store {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Counter, help);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Gauge, help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Histogram, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.value(key, Kind::Counter) {
            Some(Value::Count(count)) => Counter::from_arc(count),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.value(key, Kind::Gauge) {
            Some(Value::Level(level)) => Gauge::from_arc(level),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.value(key, Kind::Histogram) {
            Some(Value::Distribution(distribution)) => Histogram::from_arc(distribution),
            _ => Histogram::noop(),
        }
    }
}

impl Distribution {
    fn new(bounds: Arc<[(f64, String)]>) -> Self {
        // One more for the sum, and one for what is above the last bound.
        let sum_and_counts = (0..bounds.len() + 2).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, sum_and_counts }
    }

    /// Values in each bucket alone, the one above the last bound included.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.sum_and_counts[1..].iter().map(|count| count.load(Ordering::Relaxed))
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum_and_counts[0].load(Ordering::Relaxed))
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        // Not a number belongs in no bucket and would spoil the sum for ever.
        if value.is_nan() {
            return;
        }
        let bucket = self.bounds.partition_point(|(bound, _)| *bound < value);
        self.sum_and_counts[bucket + 1].fetch_add(count as u64, Ordering::Relaxed);
        let add = |sum: u64| Some((f64::from_bits(sum) + value * count as f64).to_bits());
        // It always has a new value, so this never fails.
        let _ = self.sum_and_counts[0].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}
