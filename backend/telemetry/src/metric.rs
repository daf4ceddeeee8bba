//! The three metric types, the row that describes each metric, and the `catalogue!` macro that declares them.
//!
//! A metric can only be emitted through its row, so its name, labels and bounds are checked in one place.
//! Which metrics exist is said in `catalogue.rs` (standard) and in each service's own catalogue.
//! How a recorder is installed is said in `recorder.rs`.

use std::sync::RwLock;
use std::sync::atomic::{AtomicU8, Ordering};

use hashbrown::{Equivalent, HashMap};
use metrics::{Key, Label as KeyLabel, Level, Metadata, SharedString};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at 0.
    Counter,
    /// Only grows and has fractions, such as CPU seconds. It is set from a reading; the page types it as a counter.
    FloatCounter,
    /// Goes up and down; starts at 0.
    Gauge,
    /// A gauge that is absent until it is first set, because 0 would be a lie (a timestamp, a last score).
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

const OFF: u8 = 0;
const CACHED: u8 = 1;
const DIRECT: u8 = 2;

/// Off until a recorder is installed, so that an emit in an unobserved process costs one atomic load.
static MODE: AtomicU8 = AtomicU8::new(OFF);

/// Emits go to the installed recorder and its handles are kept. Before this, none may have been kept.
pub(crate) fn switch_on() {
    MODE.store(CACHED, Ordering::Release);
}

/// For tests that install a recorder for one thread: no handle is kept between emits.
pub fn switch_to_local_recorders() {
    MODE.store(DIRECT, Ordering::Release);
}

/// Whether emits reach a recorder.
pub fn is_on() -> bool {
    MODE.load(Ordering::Relaxed) != OFF
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

    fn is_open(&self) -> bool {
        self.labels.iter().any(|label| label.values == Values::Open)
    }

    fn key<const N: usize>(&self, values: [SharedString; N]) -> Key {
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
            let labels = self.labels.iter().zip(values).map(|(label, value)| KeyLabel::new(label.name, value));
            let key = Key::from_parts(self.name, labels.collect::<Vec<_>>());
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

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Label values as they are kept beside a handle.
#[derive(PartialEq, Eq, Hash)]
struct Kept<const N: usize>([SharedString; N]);

/// Label values as a caller brings them; hashes like [`Kept`].
#[derive(Hash)]
struct Brought<'v, const N: usize>([&'v str; N]);

impl<const N: usize> Equivalent<Kept<N>> for Brought<'_, N> {
    fn equivalent(&self, kept: &Kept<N>) -> bool {
        self.0.iter().zip(&kept.0).all(|(brought, kept)| *brought == kept.as_ref())
    }
}

/// A metric's kept handles, bounded by the cap.
struct Series<const N: usize, H> {
    handles: RwLock<Option<HashMap<Kept<N>, H>>>,
}

impl<const N: usize, H: Clone> Series<N, H> {
    const fn new() -> Self {
        Self { handles: RwLock::new(None) }
    }

    fn handle(&self, row: &'static Row, values: [&str; N], noop: fn() -> H, register: fn(&Key) -> H) -> H {
        match MODE.load(Ordering::Acquire) {
            OFF => return noop(),
            DIRECT => return register(&row.key(kept(row, values))),
            _ => {}
        }
        let mut position = 0;
        let values = values.map(|value| {
            position += 1;
            row.bounded(position - 1, value)
        });
        let brought = Brought(values);
        let read = self.handles.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(handle) = read.as_ref().and_then(|handles| handles.get(&brought)) {
            return handle.clone();
        }
        drop(read);

        let mut write = self.handles.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let handles = write.get_or_insert_with(HashMap::new);
        // Another thread may have added it between the two locks.
        if let Some(handle) = handles.get(&brought) {
            return handle.clone();
        }
        if row.is_open() && handles.len() >= SERIES_CAP {
            let overflow = Brought(["overflow"; N]);
            if let Some(handle) = handles.get(&overflow) {
                let handle = handle.clone();
                drop(write);
                count_dropped(row);
                return handle;
            }
            let handle = register(&row.key(["overflow"; N].map(SharedString::from)));
            handles.insert(Kept(["overflow"; N].map(SharedString::from)), handle.clone());
            drop(write);
            count_dropped(row);
            return handle;
        }
        let owned = values.map(|value| SharedString::from(value.to_owned()));
        let handle = register(&row.key(owned.clone()));
        handles.insert(Kept(owned), handle.clone());
        handle
    }
}

fn kept<const N: usize>(row: &Row, values: [&str; N]) -> [SharedString; N] {
    let mut position = 0;
    values.map(|value| {
        position += 1;
        SharedString::from(row.bounded(position - 1, value).to_owned())
    })
}

fn count_dropped(row: &'static Row) {
    // The counter's own label is a metric name, of which there are few; it can't overflow itself.
    if row.name != crate::catalogue::TELEMETRY_SERIES_DROPPED_TOTAL.row.name {
        crate::catalogue::TELEMETRY_SERIES_DROPPED_TOTAL.with([row.name]).increment(1);
    }
}

/// A counter with `N` labels.
pub struct Counter<const N: usize> {
    /// Its description.
    pub row: &'static Row,
    series: Series<N, metrics::Counter>,
}

/// A gauge with `N` labels.
pub struct Gauge<const N: usize> {
    /// Its description.
    pub row: &'static Row,
    series: Series<N, metrics::Gauge>,
}

/// A histogram with `N` labels.
pub struct Histogram<const N: usize> {
    /// Its description.
    pub row: &'static Row,
    series: Series<N, metrics::Histogram>,
}

impl<const N: usize> Counter<N> {
    /// Declares the metric; [`catalogue!`](crate::catalogue!) is the only caller.
    #[doc(hidden)]
    pub const fn new(row: &'static Row) -> Self {
        Self { row, series: Series::new() }
    }

    /// The series with these label values, in the order of the row.
    pub fn with(&self, values: [&str; N]) -> metrics::Counter {
        self.series.handle(self.row, values, metrics::Counter::noop, |key| {
            metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA))
        })
    }
}

impl Counter<0> {
    /// Adds `count`.
    pub fn increment(&self, count: u64) {
        self.with([]).increment(count);
    }
}

impl<const N: usize> Gauge<N> {
    /// Declares the metric; [`catalogue!`](crate::catalogue!) is the only caller.
    #[doc(hidden)]
    pub const fn new(row: &'static Row) -> Self {
        Self { row, series: Series::new() }
    }

    /// The series with these label values, in the order of the row.
    pub fn with(&self, values: [&str; N]) -> metrics::Gauge {
        self.series.handle(self.row, values, metrics::Gauge::noop, |key| {
            metrics::with_recorder(|recorder| recorder.register_gauge(key, &METADATA))
        })
    }
}

impl Gauge<0> {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.with([]).set(value);
    }
}

impl<const N: usize> Histogram<N> {
    /// Declares the metric; [`catalogue!`](crate::catalogue!) is the only caller.
    #[doc(hidden)]
    pub const fn new(row: &'static Row) -> Self {
        Self { row, series: Series::new() }
    }

    /// The series with these label values, in the order of the row.
    pub fn with(&self, values: [&str; N]) -> metrics::Histogram {
        self.series.handle(self.row, values, metrics::Histogram::noop, |key| {
            metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA))
        })
    }
}

impl Histogram<0> {
    /// Records one value, in the unit of the metric's name.
    pub fn record(&self, value: f64) {
        self.with([]).record(value);
    }
}

/// Adds 1 to a gauge for as long as it lives.
pub struct InProgress(metrics::Gauge);

impl InProgress {
    /// Counts one more thing under way.
    pub fn enter(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Declares metrics, one row each, and `ROWS`, the list of them.
///
/// ```
/// use belfry_telemetry::{catalogue, metric::Values::{Closed, Open}};
///
/// catalogue! {
///     /// Orders taken, by how they ended.
///     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Closed(&["paid", "cancelled"]), shop: Open };
///     /// Time to pack an order.
///     histogram PACKING_DURATION_SECONDS = "shop_packing_duration_seconds" {} buckets &[0.1, 1.0, 10.0];
/// }
/// ORDERS_TOTAL.with(["paid", "north"]).increment(1);
/// PACKING_DURATION_SECONDS.record(0.4);
/// assert_eq!(ROWS.len(), 2);
/// ```
///
/// Kinds: `counter`, `float_counter`, `gauge`, `reading` (a gauge absent until set), `histogram`.
#[macro_export]
macro_rules! catalogue {
    ($($(#[doc = $help:literal])+ $kind:ident $metric:ident = $name:literal
       { $($label:ident : $values:expr),* $(,)? } $(buckets $buckets:expr)? ;)+) => {
        $(
            $(#[doc = $help])+
            pub static $metric: $crate::__metric_type!($kind, $($label)*) = <$crate::__metric_type!($kind, $($label)*)>::new({
                static ROW: $crate::metric::Row = $crate::metric::Row {
                    name: $name,
                    kind: $crate::__metric_kind!($kind),
                    help: concat!($($help),+).trim_ascii(),
                    labels: &[$($crate::metric::Label { name: stringify!($label), values: $values }),*],
                    buckets: $crate::__metric_buckets!($($buckets)?),
                };
                &ROW
            });
        )+
        /// Every metric declared here.
        pub static ROWS: &[&$crate::metric::Row] = &[$($metric.row),+];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_type {
    (counter, $($label:ident)*) => { $crate::metric::Counter<{ $crate::__count!($($label)*) }> };
    (histogram, $($label:ident)*) => { $crate::metric::Histogram<{ $crate::__count!($($label)*) }> };
    ($gauge:ident, $($label:ident)*) => { $crate::metric::Gauge<{ $crate::__count!($($label)*) }> };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_kind {
    (counter) => {
        $crate::metric::Kind::Counter
    };
    (float_counter) => {
        $crate::metric::Kind::FloatCounter
    };
    (gauge) => {
        $crate::metric::Kind::Gauge
    };
    (reading) => {
        $crate::metric::Kind::Reading
    };
    (histogram) => {
        $crate::metric::Kind::Histogram
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_buckets {
    () => {
        &[]
    };
    ($buckets:expr) => {
        $buckets
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __count {
    ($($label:ident)*) => { <[&str]>::len(&[$(stringify!($label)),*]) };
}
