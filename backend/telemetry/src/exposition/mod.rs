//! Shows what the registry holds: as text, as protobuf with native histograms, and at `GET /metrics`.

mod endpoint;
mod protobuf;
#[cfg(test)]
mod tests;
mod text;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::catalogue::{TELEMETRY_PAGE_BYTES, TELEMETRY_PAGE_SAMPLES, TELEMETRY_RENDER_DURATION_SECONDS};
use crate::registry::{Reading, Readings, Store};
pub use endpoint::PrometheusSettings;
pub(crate) use endpoint::{PATH, has_metrics_route, router};

/// The page of metrics and the readings that run just before it is written.
pub(crate) struct Page {
    store: &'static Store,
    // Whether a scraper that asks for protobuf gets native histograms.
    native: bool,
    readings: Readings,
    last_bytes: AtomicUsize,
}

impl Page {
    /// The page of a registry, for the life of the process.
    pub(crate) fn open(store: &'static Store, native: bool) -> &'static Self {
        Box::leak(Box::new(Self { store, native, readings: Readings::default(), last_bytes: AtomicUsize::new(0) }))
    }

    /// Runs `reading` before each rendering: for values that are read rather than counted.
    pub(crate) fn before_render(&self, reading: Reading) {
        self.readings.add(reading);
    }

    /// The page in Prometheus text format 0.0.4, families in the order of their names. Blocks; call it off the async threads.
    fn render_text(&self) -> String {
        self.readings.run_all();
        let started = Instant::now();
        let (page, samples) = text::page(self.store, self.expected_bytes());
        self.record_rendering(started, page.len(), samples);
        page
    }

    /// The page as length-delimited protobuf with native histograms; `None` when that is off. Blocks as
    /// [`render_text`](Self::render_text).
    fn render_protobuf(&self) -> Option<Vec<u8>> {
        if !self.native {
            return None;
        }
        self.readings.run_all();
        let started = Instant::now();
        let (page, samples) = protobuf::page(self.store, self.expected_bytes());
        self.record_rendering(started, page.len(), samples);
        Some(page)
    }

    /// The next page is about as long as the last.
    fn expected_bytes(&self) -> usize {
        let last = self.last_bytes.load(Ordering::Relaxed);
        last + last / 8
    }

    fn record_rendering(&self, started: Instant, bytes: usize, samples: usize) {
        self.last_bytes.store(bytes, Ordering::Relaxed);
        TELEMETRY_RENDER_DURATION_SECONDS.record(started.elapsed().as_secs_f64());
        TELEMETRY_PAGE_SAMPLES.set(samples as f64);
        TELEMETRY_PAGE_BYTES.set(bytes as f64);
    }
}
