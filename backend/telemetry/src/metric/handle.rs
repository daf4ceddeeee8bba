//! The handles of single series, as the recorder gives them out.

use std::cell::RefCell;

use metrics::{Key, Level, Metadata};

/// What moves one series: the facade's three handle types, and nothing else. Public in a private module, so nobody else can
/// name it.
pub trait Handle: Clone {
    /// A handle that does nothing.
    fn noop() -> Self;
    /// The present recorder's handle of a series.
    fn register(key: &Key) -> Self;
    /// Called for each handle that is given out for a series that may be absent.
    fn record_use(&self) {}
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

    fn record_use(&self) {
        RECORDED_GAUGES.with_borrow_mut(|recorded| {
            if let Some(recorded) = recorded {
                recorded.push(self.clone());
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
    // None on every thread that runs no readings.
    static RECORDED_GAUGES: RefCell<Option<Vec<metrics::Gauge>>> = const { RefCell::new(None) };
}

/// The gauges that may be absent and that `reading` used, so that they can be hidden when it fails.
pub(crate) fn record_gauges(reading: impl FnOnce()) -> Vec<metrics::Gauge> {
    RECORDED_GAUGES.set(Some(Vec::new()));
    reading();
    RECORDED_GAUGES.take().unwrap_or_default()
}
