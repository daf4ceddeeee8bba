//! The values of every series, stored as Prometheus reads them: counts, not samples, so that nothing grows between scrapes.
//!
//! A [`metrics::Recorder`], and the only one: whatever is emitted through the facade arrives here, in a catalogue or not, is
//! checked against its row, and is capped once (`caps.rs`) for every format (`exposition/`, `statsd/`).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::dropped::{CountDropped, dropped_of_further_metrics, dropped_of_metric};
use super::value::{HistogramOptions, Value};
use super::{caps, names};
use crate::catalogue::LATENCY_SECONDS;
use crate::metric::{Kind, Row, SeriesLookup};

/// Every metric with its series, by name.
pub(crate) struct Store {
    families: RwLock<Families>,
    histograms: HistogramOptions,
}

struct Families {
    by_name: BTreeMap<String, Arc<Family>>,
    /// How many of them are in no catalogue.
    foreign: usize,
}

/// All series of one metric.
pub(crate) struct Family {
    pub(crate) kind: Kind,
    pub(crate) help: RwLock<SharedString>,
    /// Upper bounds of the buckets, with their text.
    pub(crate) bounds: Arc<[(f64, String)]>,
    /// Its name before characters that Prometheus does not allow were replaced.
    original_name: String,
    // None: the metric is in no catalogue.
    row: Option<&'static Row>,
    /// By their labels as the page shows them, `method="GET",endpoint="/"`, so that a page is mostly copied.
    pub(crate) series: RwLock<BTreeMap<String, Value>>,
    histograms: HistogramOptions,
}

/// Which series a key gets.
enum Admission {
    /// A series of its own.
    Own(Value),
    /// The `overflow` series, because its metric is at its cap.
    Overflow(Value),
    /// None: another metric has its name.
    Refused,
    /// None: there are too many metrics that are in no catalogue.
    TooManyMetrics,
}

impl Store {
    /// A store for these rows, of which each name must be there once. `bounds` gives the buckets of a histogram.
    pub(crate) fn new(rows: &[&'static Row], bounds: impl Fn(&Row) -> Vec<f64>, histograms: HistogramOptions) -> Self {
        let family = |row: &&'static Row| {
            let help = SharedString::const_str(row.help);
            (row.name.to_owned(), Arc::new(Family::new(row.name, row.kind, help, &bounds(row), Some(row), histograms)))
        };
        let by_name = rows.iter().map(family).collect();
        Self { families: RwLock::new(Families { by_name, foreign: 0 }), histograms }
    }

    /// Every family in the order of their names.
    pub(crate) fn families(&self) -> Vec<(String, Arc<Family>)> {
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        families.by_name.iter().map(|(name, family)| (name.clone(), family.clone())).collect()
    }

    /// The family of a name, created when it is in no catalogue and may be; else why there is none.
    fn family(&self, original_name: &str, kind: Kind) -> Result<Arc<Family>, Admission> {
        let name = names::legal(original_name);
        // Two names that are the same on the page would be one metric.
        let same = |family: &Arc<Family>| {
            (family.original_name == original_name).then(|| family.clone()).ok_or(Admission::Refused)
        };
        let read = self.families.read().unwrap_or_else(PoisonError::into_inner);
        match read.by_name.get(name.as_ref()) {
            Some(family) => return same(family),
            // Without the write lock: metrics past the cap are emitted often and must not block the others.
            None if caps::is_full_of_foreign_metrics(read.foreign) => return Err(Admission::TooManyMetrics),
            None => drop(read),
        }
        let mut families = self.families.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(family) = families.by_name.get(name.as_ref()) {
            return same(family);
        }
        if caps::is_full_of_foreign_metrics(families.foreign) {
            return Err(Admission::TooManyMetrics);
        }
        if families.would_share_lines(&name, kind) {
            return Err(Admission::Refused);
        }
        families.foreign += 1;
        let family =
            Family::new(original_name, kind, SharedString::const_str(""), LATENCY_SECONDS, None, self.histograms);
        Ok(families.by_name.entry(name.into_owned()).or_insert(Arc::new(family)).clone())
    }

    fn admit(&self, key: &Key, kind: Kind) -> Admission {
        match self.family(key.name(), kind) {
            Ok(family) if family.matches(key, kind) => family.admit(key),
            Ok(_) => Admission::Refused,
            Err(refusal) => refusal,
        }
    }

    /// The handle that `handle_for` makes of a value, or of none. Emits that move no series of their own are counted.
    fn handle<H: CountDropped>(&self, key: &Key, kind: Kind, handle_for: impl Fn(Option<Value>) -> H) -> H {
        match self.admit(key, kind) {
            Admission::Own(value) => handle_for(Some(value)),
            Admission::Overflow(value) => handle_for(Some(value)).count_dropped(dropped_of_metric(key.name())),
            Admission::Refused => handle_for(None).count_dropped(dropped_of_metric(key.name())),
            Admission::TooManyMetrics => handle_for(None).count_dropped(dropped_of_further_metrics()),
        }
    }

    fn describe(&self, name: &KeyName, kind: Kind, help: SharedString) {
        let Ok(family) = self.family(name.as_str(), kind) else { return };
        if family.row.is_none() {
            *family.help.write().unwrap_or_else(PoisonError::into_inner) = help;
        }
    }
}

impl Families {
    /// Whether a line of a histogram would have the name of another metric.
    fn would_share_lines(&self, name: &str, kind: Kind) -> bool {
        let is_line = names::HISTOGRAM_SUFFIXES
            .iter()
            .filter_map(|line| name.strip_suffix(line))
            .any(|histogram| self.by_name.get(histogram).is_some_and(|family| family.kind == Kind::Histogram));
        let has_line =
            || names::HISTOGRAM_SUFFIXES.iter().any(|line| self.by_name.contains_key(&format!("{name}{line}")));
        is_line || (kind == Kind::Histogram && has_line())
    }
}

impl Family {
    fn new(
        original_name: &str,
        kind: Kind,
        help: SharedString,
        bounds: &[f64],
        row: Option<&'static Row>,
        histograms: HistogramOptions,
    ) -> Self {
        let bounds = bounds.iter().map(|bound| (*bound, bound.to_string())).collect();
        let (original_name, help, series) = (original_name.to_owned(), RwLock::new(help), RwLock::default());
        Self { kind, help, bounds, original_name, row, series, histograms }
    }

    /// Whether a key of this name is the same metric: of the same type and, where a row says so, with the same labels.
    fn matches(&self, key: &Key, kind: Kind) -> bool {
        let same_kind = match self.kind {
            Kind::Gauge | Kind::Reading | Kind::FloatCounter => kind == Kind::Gauge,
            own => kind == own,
        };
        let same_labels =
            |row: &Row| row.labels.iter().map(|label| label.name).eq(key.labels().map(|label| label.key()));
        same_kind && self.row.is_none_or(same_labels)
    }

    fn admit(&self, key: &Key) -> Admission {
        let Some(labels) = self.labels(key) else { return Admission::Refused };
        let read = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = read.get(&labels) {
            return Admission::Own(value.clone());
        }
        let is_full = caps::is_full(self.row, read.len());
        drop(read);
        if !is_full && let Some(value) = self.insert(labels) {
            return Admission::Own(value);
        }
        let Some(labels) = self.labels(&caps::overflow_key(self.row, key)) else { return Admission::Refused };
        let overflow = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&labels).cloned();
        Admission::Overflow(overflow.unwrap_or_else(|| {
            let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
            series.entry(labels).or_insert_with(|| self.zero()).clone()
        }))
    }

    /// The labels of a key as the page shows them; `None` when they would make the page invalid.
    fn labels(&self, key: &Key) -> Option<String> {
        if self.row.is_some() { Some(names::row_labels(key)) } else { names::foreign_labels(key) }
    }

    /// A new series; `None` if other threads have filled the metric up to its cap meanwhile.
    fn insert(&self, labels: String) -> Option<Value> {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let may_be = !caps::is_full(self.row, series.len()) || series.contains_key(&labels);
        may_be.then(|| series.entry(labels).or_insert_with(|| self.zero()).clone())
    }

    fn zero(&self) -> Value {
        Value::zero(self.kind, &self.bounds, self.histograms)
    }
}

impl SeriesLookup for Store {
    fn has_own_series(&self, key: &Key) -> bool {
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        let Some(family) = families.by_name.get(names::legal(key.name()).as_ref()) else { return false };
        let series = family.series.read().unwrap_or_else(PoisonError::into_inner);
        family.labels(key).is_some_and(|labels| series.contains_key(&labels))
    }
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
        self.handle(key, Kind::Counter, |value| match value {
            Some(Value::Count(count)) => Counter::from_arc(count),
            _ => Counter::noop(),
        })
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.handle(key, Kind::Gauge, |value| match value {
            Some(Value::Level(level)) => Gauge::from_arc(level),
            _ => Gauge::noop(),
        })
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.handle(key, Kind::Histogram, |value| match value {
            Some(Value::Distribution(distribution)) => Histogram::from_arc(distribution),
            _ => Histogram::noop(),
        })
    }
}
