//! Handles that count each emit through them in `telemetry_series_dropped_total`, because it moves no series of its own.
//!
//! Such a handle may be cached, as the HTTP layer does, so each emit is counted rather than each request for a handle.

use std::sync::Arc;

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn};

use crate::catalogue::TELEMETRY_SERIES_DROPPED_TOTAL;
use crate::metric::OVERFLOW;

/// A handle whose emits can also be counted as dropped.
pub(super) trait CountDropped {
    /// The same handle, of which each emit also counts in `dropped`.
    fn count_dropped(self, dropped: Counter) -> Self;
}

/// Counts emits to the metric of this name that moved no series of their own.
pub(super) fn dropped_of_metric(metric: &str) -> Counter {
    // This metric is capped as any other, but counting that in itself would recurse without end.
    if metric == TELEMETRY_SERIES_DROPPED_TOTAL.row.name {
        return Counter::noop();
    }
    TELEMETRY_SERIES_DROPPED_TOTAL.with(metric)
}

/// Counts emits to metrics that are in no catalogue and past their cap.
pub(super) fn dropped_of_further_metrics() -> Counter {
    TELEMETRY_SERIES_DROPPED_TOTAL.with(OVERFLOW)
}

/// A handle with the counter of dropped emits.
struct Dropping<H> {
    inner: H,
    dropped: Counter,
}

impl CountDropped for Counter {
    fn count_dropped(self, dropped: Counter) -> Self {
        Self::from_arc(Arc::new(Dropping { inner: self, dropped }))
    }
}

impl CountDropped for Gauge {
    fn count_dropped(self, dropped: Counter) -> Self {
        Self::from_arc(Arc::new(Dropping { inner: self, dropped }))
    }
}

impl CountDropped for Histogram {
    fn count_dropped(self, dropped: Counter) -> Self {
        Self::from_arc(Arc::new(Dropping { inner: self, dropped }))
    }
}

impl CounterFn for Dropping<Counter> {
    fn increment(&self, value: u64) {
        self.dropped.increment(1);
        self.inner.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.dropped.increment(1);
        self.inner.absolute(value);
    }
}

impl GaugeFn for Dropping<Gauge> {
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

impl HistogramFn for Dropping<Histogram> {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.dropped.increment(count as u64);
        self.inner.record_many(value, count);
    }
}
