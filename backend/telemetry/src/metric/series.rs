//! Counter, gauge and histogram: a row with the handles of its series, cached after their first use.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use hashbrown::{Equivalent, HashMap};
use metrics::SharedString;

use super::handle::Handle;
use super::label::{Labels, Texts, ValuesOf};
use super::row::Row;
use super::{Mode, REGISTRY, SeriesLookup, mode};

/// A counter with the labels `L`, a tuple of their kinds.
pub type Counter<L> = Metric<L, metrics::Counter>;

/// A gauge with the labels `L`, a tuple of their kinds.
pub type Gauge<L> = Metric<L, metrics::Gauge>;

/// A histogram with the labels `L`, a tuple of their kinds.
pub type Histogram<L> = Metric<L, metrics::Histogram>;

/// A metric with the labels `L` whose series are reached through handles of one type.
///
/// ```
/// use belfry_telemetry::metric::{Counter, Gauge, Histogram, Open};
/// use belfry_telemetry::{catalogue, testing::changed_series};
///
/// catalogue! {
///     /// Visits.
///     counter VISITS_TOTAL = "shop_visits_total" {};
///     /// Carts that are open, by shop.
///     gauge OPEN_CARTS = "shop_open_carts" { shop: Open };
///     /// Stock value, when it is known.
///     reading STOCK_VALUE_EUROS = "shop_stock_value_euros" {};
///     /// Time to pack.
///     histogram PACKING_SECONDS = "shop_packing_seconds" {} buckets &[1.0, 10.0];
/// }
/// // The types of the four.
/// let (visits, carts): (&Counter<()>, &Gauge<(Open,)>) = (&VISITS_TOTAL, &OPEN_CARTS);
/// let (stock, packing): (&Gauge<()>, &Histogram<()>) = (&STOCK_VALUE_EUROS, &PACKING_SECONDS);
/// let series = changed_series(|| {
///     visits.increment(1);
///     carts.with("north").set(3.0);
///     stock.set(10.5);
///     stock.set_or_forget(None);
///     packing.record(4.0);
/// });
/// let expected = [r#"shop_open_carts{shop="north"} 3"#, "shop_packing_seconds 4", "shop_stock_value_euros NaN"];
/// assert_eq!(series, [&expected[..], &["shop_visits_total 1"]].concat());
/// ```
pub struct Metric<L, H> {
    /// Its description.
    pub row: &'static Row,
    labels: PhantomData<fn(L)>,
    // None until the first use, because a hash map cannot be made in a static.
    handles: RwLock<Option<HashMap<OwnedLabels, H>>>,
    // Whether the registry has given out the series for what comes past the cap.
    is_over_cap: AtomicBool,
}

/// Label values as the cache stores them.
#[derive(PartialEq, Eq, Hash)]
struct OwnedLabels(Box<[SharedString]>);

/// Label values as a caller passes them, to look up without allocating; hashes like [`OwnedLabels`].
#[derive(Hash)]
struct BorrowedLabels<'a, 'v>(&'a [&'v str]);

impl Equivalent<OwnedLabels> for BorrowedLabels<'_, '_> {
    fn equivalent(&self, owned: &OwnedLabels) -> bool {
        // A metric's label values are as many as its labels.
        self.0.iter().zip(&owned.0).all(|(borrowed, owned)| *borrowed == owned.as_ref())
    }
}

impl<L: Labels, H: Handle> Metric<L, H> {
    /// Declares the metric; [`catalogue!`](crate::catalogue!) is the only caller.
    #[doc(hidden)]
    pub const fn new(row: &'static Row) -> Self {
        Self { row, labels: PhantomData, handles: RwLock::new(None), is_over_cap: AtomicBool::new(false) }
    }

    /// The series with these label values, in the order of the row: `()` for a metric without labels, the value itself for
    /// one label, a tuple for more. [`ValueOf`](super::ValueOf) says what each may be.
    ///
    /// ```
    /// use belfry_telemetry::catalogue::{JobStatus, LOG_EVENTS_TOTAL, LogLevel, SCHEDULER_JOBS_TOTAL};
    ///
    /// SCHEDULER_JOBS_TOTAL.with(("nightly_removal", JobStatus::Success)).increment(1);
    /// // What emits often keeps its handle.
    /// let warnings = LOG_EVENTS_TOTAL.with(LogLevel::Warn);
    /// warnings.increment(1);
    /// ```
    pub fn with<V: ValuesOf<L>>(&self, values: V) -> H {
        let mode = mode();
        if mode == Mode::Off {
            return H::noop();
        }
        let mut values = values.texts();
        if L::IS_CHECKED {
            self.row.replace_unlisted(values.as_mut());
        }
        if mode == Mode::Local {
            return self.register(values.as_ref());
        }
        let handle = self.cached(values).unwrap_or_else(|| self.add(values, REGISTRY.get().copied()));
        if self.row.may_be_absent() {
            handle.record_use();
        }
        handle
    }

    /// The one series in which every label is absent, for callers that want only the sum.
    pub(crate) fn without_labels(&self) -> H {
        if mode() == Mode::Off { H::noop() } else { self.register(&vec![""; L::COUNT]) }
    }

    /// The cached handle of a series, or of the overflow series once there is one.
    fn cached<'v>(&self, values: impl Texts<'v>) -> Option<H> {
        let read = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        let handles = read.as_ref()?;
        let handle = handles.get(&BorrowedLabels(values.as_ref()));
        // Past the cap every emit comes here, and must not wait for the write lock.
        let is_over_cap = || self.is_over_cap.load(Ordering::Relaxed);
        let overflow = || handles.get(&BorrowedLabels(self.overflow(values).as_ref()));
        handle.or_else(|| is_over_cap().then(overflow).flatten()).cloned()
    }

    /// Caches the handle of a new series: its own, or the overflow series if the registry decided so, or without one the
    /// number of series.
    fn add<'v>(&self, values: impl Texts<'v>, registry: Option<&dyn SeriesLookup>) -> H {
        let mut write = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        let handles = write.get_or_insert_with(HashMap::new);
        // Another thread may have added it between the two locks.
        if let Some(handle) = handles.get(&BorrowedLabels(values.as_ref())) {
            return handle.clone();
        }
        if registry.is_none() && self.row.is_open() && handles.len() >= self.row.cap {
            self.is_over_cap.store(true, Ordering::Relaxed);
            let values = self.overflow(values);
            let register = || self.register(values.as_ref());
            return handles.entry(OwnedLabels(owned(values.as_ref()).collect())).or_insert_with(register).clone();
        }
        // If this is counted as dropped, the metric that counts it has a cache and a lock of its own.
        let key = self.row.key(owned(values.as_ref()));
        let handle = H::register(&key);
        let is_own = registry.is_none_or(|registry| registry.has_own_series(&key));
        let values = if is_own { values } else { self.overflow(values) };
        self.is_over_cap.fetch_or(!is_own, Ordering::Relaxed);
        handles.entry(OwnedLabels(owned(values.as_ref()).collect())).or_insert(handle).clone()
    }

    fn overflow<'v, T: Texts<'v>>(&self, mut values: T) -> T {
        for (position, value) in values.as_mut().iter_mut().enumerate() {
            *value = self.row.overflow_value(position, value);
        }
        values
    }

    fn register(&self, values: &[&str]) -> H {
        H::register(&self.row.key(owned(values)))
    }
}

fn owned(values: &[&str]) -> impl Iterator<Item = SharedString> {
    values.iter().map(|value| SharedString::from_owned((*value).to_owned()))
}

impl Counter<()> {
    /// Adds `count`.
    pub fn increment(&self, count: u64) {
        self.with(()).increment(count);
    }
}

impl<L: Labels> Gauge<L> {
    /// Takes the series off the page: what it showed is no longer known. Only for a `reading` or a `float_counter`.
    ///
    /// ```
    /// use belfry_telemetry::{catalogue, metric::Open};
    ///
    /// catalogue! {
    ///     /// The temperature in a room.
    ///     reading TEMPERATURE_CELSIUS = "house_temperature_celsius" { room: Open };
    /// }
    /// TEMPERATURE_CELSIUS.with("attic").set(19.5);
    /// // Its thermometer does not answer.
    /// TEMPERATURE_CELSIUS.forget("attic");
    /// ```
    pub fn forget<V: ValuesOf<L>>(&self, values: V) {
        self.with(values).set(f64::NAN);
    }
}

impl Gauge<()> {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.with(()).set(value);
    }

    /// Sets the value, or takes the series off the page when there is none. Only for a `reading` or a `float_counter`.
    pub fn set_or_forget(&self, value: Option<f64>) {
        self.with(()).set(value.unwrap_or(f64::NAN));
    }
}

impl Histogram<()> {
    /// Records one value, in the unit of the metric's name.
    pub fn record(&self, value: f64) {
        self.with(()).record(value);
    }
}

#[cfg(test)]
mod tests {
    use metrics::Key;

    use super::*;
    use crate::metric::{Kind, Label, OneOf, Open, Values};

    /// A registry in which every metric is at its cap.
    struct Full;

    impl SeriesLookup for Full {
        fn has_own_series(&self, _: &Key) -> bool {
            false
        }
    }

    #[test]
    fn without_a_registry_the_cap_holds_as_well() {
        static ROW: Row = Row {
            name: "shop_orders_total",
            kind: Kind::Counter,
            help: "",
            labels: &[Label { name: "shop", values: Values::Open }],
            buckets: &[],
            cap: 2,
        };
        let metric: Counter<(Open,)> = Metric::new(&ROW);
        let recorder = metrics_util::debugging::DebuggingRecorder::new();
        metrics::with_local_recorder(&recorder, || {
            for shop in ["north", "south", "east", "west", "north"] {
                metric.cached([shop]).unwrap_or_else(|| metric.add([shop], None)).increment(1);
            }
        });
        let mut series: Vec<String> = recorder
            .snapshotter()
            .snapshot()
            .into_vec()
            .into_iter()
            .map(|(key, ..)| key.key().labels().next().unwrap().value().to_owned())
            .collect();
        series.sort_unstable();
        assert_eq!(series, ["north", "overflow", "south"]);
    }

    #[test]
    fn past_the_cap_an_emit_needs_no_write_lock() {
        static ROW: Row = Row {
            name: "shop_orders_total",
            kind: Kind::Counter,
            help: "",
            labels: &[
                Label { name: "shop", values: Values::Open },
                Label { name: "outcome", values: Values::Closed(&["paid", "cancelled"]) },
            ],
            buckets: &[],
            cap: 1,
        };
        let metric: Counter<(Open, OneOf)> = Metric::new(&ROW);
        let _own = metric.add(["north", "paid"], None);
        assert!(metric.cached(["south", "paid"]).is_none());
        let _overflow = metric.add(["south", "paid"], Some(&Full));
        // Adding would wait for this.
        let reading = metric.handles.read().unwrap();
        assert!(metric.cached(["east", "paid"]).is_some());
        // The overflow of another closed value comes with its first emit.
        assert!(metric.cached(["east", "cancelled"]).is_none());
        let labels: Vec<[&str; 2]> = reading
            .as_ref()
            .unwrap()
            .keys()
            .map(|OwnedLabels(values)| [values[0].as_ref(), values[1].as_ref()])
            .collect();
        assert!(labels.len() == 2 && labels.contains(&["overflow", "paid"]), "{labels:?}");
    }
}
