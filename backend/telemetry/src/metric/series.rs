//! Counter, gauge and histogram: a row with the handles of its series, kept after their first use and bounded by the cap.

use std::sync::RwLock;

use hashbrown::{Equivalent, HashMap};
use metrics::{Key, Level, Metadata, SharedString};

use super::{Mode, OVERFLOW, Row, SERIES_CAP, mode};

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
pub trait Handle: Clone {
    /// A handle that does nothing.
    fn noop() -> Self;
    /// The present recorder's handle of a series.
    fn register(key: &Key) -> Self;
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
}

impl Handle for metrics::Histogram {
    fn noop() -> Self {
        Self::noop()
    }

    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA))
    }
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
        let brought = Brought(values);
        let read = self.handles.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(handle) = read.as_ref().and_then(|handles| handles.get(&brought)) {
            return handle.clone();
        }
        drop(read);
        self.add(values)
    }

    /// Keeps the handle of a new series, or of the overflow when there are as many as there may be.
    fn add(&self, values: [&str; N]) -> H {
        let mut write = self.handles.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let handles = write.get_or_insert_with(HashMap::new);
        // Another thread may have added it between the two locks.
        if let Some(handle) = handles.get(&Brought(values)) {
            return handle.clone();
        }
        let is_over = self.row.is_open() && handles.len() >= SERIES_CAP;
        let values = if is_over { [OVERFLOW; N] } else { values };
        let handle = match handles.get(&Brought(values)) {
            Some(handle) => handle.clone(),
            None => {
                let handle = self.register(values);
                handles.insert(Kept(values.map(owned)), handle.clone());
                handle
            }
        };
        drop(write);
        if is_over {
            count_dropped(self.row);
        }
        handle
    }

    fn register(&self, values: [&str; N]) -> H {
        H::register(&self.row.key(values.map(owned)))
    }
}

fn owned(value: &str) -> SharedString {
    SharedString::from_owned(value.to_owned())
}

fn count_dropped(row: &'static Row) {
    // The counter's own label is a metric name, of which there are few; it can't overflow itself.
    if row.name != crate::catalogue::TELEMETRY_SERIES_DROPPED_TOTAL.row.name {
        crate::catalogue::TELEMETRY_SERIES_DROPPED_TOTAL.with([row.name]).increment(1);
    }
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
