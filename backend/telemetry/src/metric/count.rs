//! Handles that count each emit through them in `telemetry_series_dropped_total`, because it moves no series of its own.
//!
//! Such a handle may be kept, as the HTTP layer does, so it is the emit that counts and not the asking for a handle.

use std::sync::Arc;

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn};

use super::OVERFLOW;
use crate::catalogue::TELEMETRY_SERIES_DROPPED_TOTAL;

/// A handle whose emits can be counted beside.
pub trait Counted: Clone {
    /// The same handle, of which each emit also counts in `dropped`.
    fn counted(self, dropped: Counter) -> Self;
}

/// Counts emits to the metric of this name that moved no series of their own.
pub(crate) fn dropped(metric: &str) -> Counter {
    // Its own label is bounded as any other, but counting that in itself would have no end.
    if metric == TELEMETRY_SERIES_DROPPED_TOTAL.row.name {
        return Counter::noop();
    }
    TELEMETRY_SERIES_DROPPED_TOTAL.with([metric])
}

/// The same where the names themselves are too many.
pub(crate) fn dropped_of_too_many() -> Counter {
    TELEMETRY_SERIES_DROPPED_TOTAL.with([OVERFLOW])
}

struct Beside<H> {
    inner: H,
    dropped: Counter,
}

impl Counted for Counter {
    fn counted(self, dropped: Counter) -> Self {
        Self::from_arc(Arc::new(Beside { inner: self, dropped }))
    }
}

impl Counted for Gauge {
    fn counted(self, dropped: Counter) -> Self {
        Self::from_arc(Arc::new(Beside { inner: self, dropped }))
    }
}

impl Counted for Histogram {
    fn counted(self, dropped: Counter) -> Self {
        Self::from_arc(Arc::new(Beside { inner: self, dropped }))
    }
}

impl CounterFn for Beside<Counter> {
    fn increment(&self, value: u64) {
        self.dropped.increment(1);
        self.inner.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.dropped.increment(1);
        self.inner.absolute(value);
    }
}

impl GaugeFn for Beside<Gauge> {
    fn increment(&self, value: f64) {
        self.dropped.increment(1);
        self.inner.increment(value);
    }

    fn decrement(&self, value: f64) {
        self.dropped.increment(1);
        self.inner.decrement(value);
    }

    fn set(&self, value: f64) {
        self.dropped.increment(1);
        self.inner.set(value);
    }
}

impl HistogramFn for Beside<Histogram> {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.dropped.increment(count as u64);
        self.inner.record_many(value, count);
    }
}
