//! The values of every series, kept as Prometheus reads them: counts, not samples, so that nothing grows between scrapes.
//!
//! A [`metrics::Recorder`], and the only one: whatever emits through the facade arrives here, catalogue or not, is held to
//! its row, and is bounded once for every format it is written in (`text.rs`, `native/`, `../statsd`).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::names;
use super::value::{Keep, Value};
use crate::catalogue::LATENCY_SECONDS;
use crate::metric::{self, Counted, Kind, OVERFLOW, Row, SERIES_CAP};

/// The most metrics that are in no catalogue: a library has a few dozen.
pub(crate) const FOREIGN_CAP: usize = 200;

/// Every family of the page, by name.
pub(crate) struct Store {
    families: RwLock<Families>,
    keep: Keep,
}

struct Families {
    by_name: BTreeMap<String, Arc<Family>>,
    /// How many of them are in no catalogue.
    foreign: usize,
}

/// All series of one metric.
pub(crate) struct Family {
    pub(crate) kind: Kind,
    pub(super) help: RwLock<SharedString>,
    /// Upper bounds of the buckets, with their text.
    pub(super) bounds: Arc<[(f64, String)]>,
    /// As it was called before its name was made legal.
    called: String,
    // None: the metric is in no catalogue.
    row: Option<&'static Row>,
    /// By their labels as the page shows them, `method="GET",endpoint="/"`, so that a page is mostly copied.
    pub(crate) series: RwLock<BTreeMap<String, Value>>,
    keep: Keep,
}

/// What becomes of a key.
enum Admission {
    /// A series of its own.
    Own(Value),
    /// The series of those that are too many.
    Overflow(Value),
    /// None: it would be something else under a name that is there.
    Refused,
    /// None: too many names.
    TooMany,
}

impl Store {
    /// A store for these rows, of which each name must be there once. `bounds` gives the buckets of a histogram.
    pub(super) fn new(rows: &[&'static Row], bounds: impl Fn(&Row) -> Vec<f64>, keep: Keep) -> Self {
        let family = |row: &&'static Row| {
            let help = SharedString::const_str(row.help);
            (row.name.to_owned(), Arc::new(Family::new(row.name, row.kind, help, &bounds(row), Some(row), keep)))
        };
        let by_name = rows.iter().map(family).collect();
        Self { families: RwLock::new(Families { by_name, foreign: 0 }), keep }
    }

    /// Every family in the order of their names.
    pub(crate) fn families(&self) -> Vec<(String, Arc<Family>)> {
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        families.by_name.iter().map(|(name, family)| (name.clone(), family.clone())).collect()
    }

    /// The family of a name, made when no catalogue has it; else why there is none.
    fn family(&self, called: &str, kind: Kind) -> Result<Arc<Family>, Admission> {
        let name = names::legal(called);
        // Two names that are one on the page would be one metric.
        let same = |family: &Arc<Family>| (family.called == called).then(|| family.clone()).ok_or(Admission::Refused);
        let read = self.families.read().unwrap_or_else(PoisonError::into_inner);
        match read.by_name.get(name.as_ref()) {
            Some(family) => return same(family),
            // Who comes too late must not hold up the others.
            None if read.foreign >= FOREIGN_CAP => return Err(Admission::TooMany),
            None => drop(read),
        }
        let mut families = self.families.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(family) = families.by_name.get(name.as_ref()) {
            return same(family);
        }
        if families.foreign >= FOREIGN_CAP {
            return Err(Admission::TooMany);
        }
        if families.would_share_lines(&name, kind) {
            return Err(Admission::Refused);
        }
        families.foreign += 1;
        let family = Family::new(called, kind, SharedString::const_str(""), LATENCY_SECONDS, None, self.keep);
        Ok(families.by_name.entry(name.into_owned()).or_insert(Arc::new(family)).clone())
    }

    fn admit(&self, key: &Key, kind: Kind) -> Admission {
        match self.family(key.name(), kind) {
            Ok(family) if family.takes(key, kind) => family.admit(key),
            Ok(_) => Admission::Refused,
            Err(refusal) => refusal,
        }
    }

    /// The handle that `of` makes of a value, or of none. What moves no series of its own is counted with each emit.
    fn handle<H: Counted>(&self, key: &Key, kind: Kind, of: impl Fn(Option<Value>) -> H) -> H {
        match self.admit(key, kind) {
            Admission::Own(value) => of(Some(value)),
            Admission::Overflow(value) => of(Some(value)).counted(metric::dropped(key.name())),
            Admission::Refused => of(None).counted(metric::dropped(key.name())),
            Admission::TooMany => of(None).counted(metric::dropped_of_too_many()),
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
        let is_line = names::LINES
            .iter()
            .filter_map(|line| name.strip_suffix(line))
            .any(|histogram| self.by_name.get(histogram).is_some_and(|family| family.kind == Kind::Histogram));
        let has_line = || names::LINES.iter().any(|line| self.by_name.contains_key(&format!("{name}{line}")));
        is_line || (kind == Kind::Histogram && has_line())
    }
}

impl Family {
    fn new(
        called: &str,
        kind: Kind,
        help: SharedString,
        bounds: &[f64],
        row: Option<&'static Row>,
        keep: Keep,
    ) -> Self {
        let bounds = bounds.iter().map(|bound| (*bound, bound.to_string())).collect();
        let (called, help, series) = (called.to_owned(), RwLock::new(help), RwLock::default());
        Self { kind, help, bounds, called, row, series, keep }
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

    fn admit(&self, key: &Key) -> Admission {
        let is_foreign = self.row.is_none();
        let labels = if is_foreign { names::foreign_labels(key, |value| value) } else { Some(names::labels(key)) };
        let Some(labels) = labels else { return Admission::Refused };
        let read = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = read.get(&labels) {
            return Admission::Own(value.clone());
        }
        let is_full = self.is_full(&read);
        drop(read);
        if !is_full && let Some(value) = self.own(labels) {
            return Admission::Own(value);
        }
        let Some(labels) = names::foreign_labels(key, |_| OVERFLOW) else { return Admission::Refused };
        let overflow = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&labels).cloned();
        Admission::Overflow(overflow.unwrap_or_else(|| {
            let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
            series.entry(labels).or_insert_with(|| self.zero()).clone()
        }))
    }

    /// The value of a series that was not there; none if others were faster and there may be no more.
    fn own(&self, labels: String) -> Option<Value> {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let may_be = !self.is_full(&series) || series.contains_key(&labels);
        may_be.then(|| series.entry(labels).or_insert_with(|| self.zero()).clone())
    }

    /// The catalogue's own metrics keep their cap themselves.
    fn is_full(&self, series: &BTreeMap<String, Value>) -> bool {
        self.row.is_none() && series.len() >= SERIES_CAP
    }

    fn zero(&self) -> Value {
        Value::zero(self.kind, &self.bounds, self.keep)
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
