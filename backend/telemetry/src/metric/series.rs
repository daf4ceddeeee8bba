//! Counter, gauge and histogram: a row with the handles of its series, kept after their first use and bounded by the cap.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock};

use hashbrown::{Equivalent, HashMap};
use metrics::{Key, Level, Metadata, SharedString};

use super::count::{self, Counted};
use super::{Mode, Row, mode};

/// A counter with `N` labels.
pub type Counter<const N: usize> = Metric<N, metrics::Counter>;

/// A gauge with `N` labels.
pub type Gauge<const N: usize> = Metric<N, metrics::Gauge>;

/// A histogram with `N` labels.
pub type Histogram<const N: usize> = Metric<N, metrics::Histogram>;

/// A metric with `N` labels whose series are reached through handles of one type.
pub struct Metric<const N: usize, H> {
    /// Its description.
    pub row: &'static Row,
    // None until the first use, because a hash map cannot be made in a static.
    handles: RwLock<Option<HashMap<Kept<N>, H>>>,
}

/// What moves one series: the facade's three handle types.
pub trait Handle: Counted {
    /// A handle that does nothing.
    fn noop() -> Self;
    /// The present recorder's handle of a series.
    fn register(key: &Key) -> Self;
    /// Told of each handle that is given out for a series that may be absent.
    fn noted(&self) {}
}

pub(crate) static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl Handle for metrics::Counter {
    fn noop() -> Self {
        Self::noop()
    }

    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA))
    }
}

impl Handle for metrics::Gauge {
    fn noop() -> Self {
        Self::noop()
    }

    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_gauge(key, &METADATA))
    }

    fn noted(&self) {
        TOUCHED.with_borrow_mut(|touched| {
            if let Some(touched) = touched {
                touched.push(self.clone());
            }
        });
    }
}

impl Handle for metrics::Histogram {
    fn noop() -> Self {
        Self::noop()
    }

    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA))
    }
}

thread_local! {
    // None on every thread that takes no readings.
    static TOUCHED: RefCell<Option<Vec<metrics::Gauge>>> = const { RefCell::new(None) };
}

/// The series that may be absent for which `reading` asked, so that they can be forgotten when it fails.
pub(crate) fn touched(reading: impl FnOnce()) -> Vec<metrics::Gauge> {
    TOUCHED.set(Some(Vec::new()));
    reading();
    TOUCHED.take().unwrap_or_default()
}

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

impl<const N: usize, H: Handle> Metric<N, H> {
    /// Declares the metric; [`catalogue!`](crate::catalogue!) is the only caller.
    #[doc(hidden)]
    pub const fn new(row: &'static Row) -> Self {
        Self { row, handles: RwLock::new(None) }
    }

    /// The series with these label values, in the order of the row.
    pub fn with(&self, values: [&str; N]) -> H {
        let mode = mode();
        if mode == Mode::Off {
            return H::noop();
        }
        let mut position = 0;
        let values = values.map(|value| {
            position += 1;
            self.row.bounded(position - 1, value)
        });
        if mode == Mode::Local {
            return self.register(values);
        }
        let handle = self.kept(values).unwrap_or_else(|| self.add(values));
        if self.row.may_be_absent() {
            handle.noted();
        }
        handle
    }

    /// The one series in which every label is absent, for who wants no more than the sum.
    pub(crate) fn without_labels(&self) -> H {
        if mode() == Mode::Off { H::noop() } else { self.register([""; N]) }
    }

    /// The handle of a series that is there, or the overflow's when no more may be.
    fn kept(&self, values: [&str; N]) -> Option<H> {
        let read = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        let handles = read.as_ref()?;
        let handle = handles.get(&Brought(values));
        // Who comes too late must not wait for the lock of those who add.
        let overflow = || self.is_full(handles).then(|| handles.get(&Brought(self.folded(values)))).flatten();
        handle.or_else(overflow).cloned()
    }

    /// Keeps the handle of a new series, or of the overflow when there are as many as there may be.
    fn add(&self, values: [&str; N]) -> H {
        let mut write = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        let handles = write.get_or_insert_with(HashMap::new);
        // Another thread may have added it between the two locks.
        if let Some(handle) = handles.get(&Brought(values)) {
            return handle.clone();
        }
        let is_over = self.is_full(handles);
        let values = if is_over { self.folded(values) } else { values };
        if let Some(handle) = handles.get(&Brought(values)) {
            return handle.clone();
        }
        let handle = self.register(values);
        // The metric that counts these has handles and a lock of its own.
        let handle = if is_over { handle.counted(count::dropped(self.row.name)) } else { handle };
        handles.insert(Kept(values.map(owned)), handle.clone());
        handle
    }

    fn is_full(&self, handles: &HashMap<Kept<N>, H>) -> bool {
        self.row.is_open() && handles.len() >= self.row.cap
    }

    fn folded<'v>(&self, values: [&'v str; N]) -> [&'v str; N] {
        let mut position = 0;
        values.map(|value| {
            position += 1;
            self.row.folded(position - 1, value)
        })
    }

    fn register(&self, values: [&str; N]) -> H {
        H::register(&self.row.key(values.map(owned)))
    }
}

fn owned(value: &str) -> SharedString {
    SharedString::from_owned(value.to_owned())
}

impl Counter<0> {
    /// Adds `count`.
    pub fn increment(&self, count: u64) {
        self.with([]).increment(count);
    }
}

impl<const N: usize> Gauge<N> {
    /// Takes the series off the page: what it showed is no longer known. Only for a `reading` or a `float_counter`.
    pub fn forget(&self, values: [&str; N]) {
        self.with(values).set(f64::NAN);
    }
}

impl Gauge<0> {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.with([]).set(value);
    }

    /// Sets the value, or takes the series off the page when there is none. Only for a `reading` or a `float_counter`.
    pub fn set_or_forget(&self, value: Option<f64>) {
        self.with([]).set(value.unwrap_or(f64::NAN));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Kind, Label, Values};

    #[test]
    fn past_the_cap_nobody_waits_for_who_adds() {
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
        let metric: Counter<2> = Metric::new(&ROW);
        let _own = metric.add(["north", "paid"]);
        assert!(metric.kept(["south", "paid"]).is_none());
        let _overflow = metric.add(["south", "paid"]);
        // Whoever would add waits for this.
        let reading = metric.handles.read().unwrap();
        assert!(metric.kept(["east", "paid"]).is_some());
        // The overflow of another closed value comes with its first emit.
        assert!(metric.kept(["east", "cancelled"]).is_none());
        let labels: Vec<[&str; 2]> =
            reading.as_ref().unwrap().keys().map(|Kept(values)| [values[0].as_ref(), values[1].as_ref()]).collect();
        assert!(labels.len() == 2 && labels.contains(&["overflow", "paid"]), "{labels:?}");
    }
}
