//! Shows what the registry holds, at `GET /metrics`: as text, as OpenMetrics with exemplars, and as protobuf with exemplars
//! and native histograms.

mod endpoint;
mod messages;
mod negotiation;
mod open_metrics;
mod protobuf;
mod rendering;
#[cfg(test)]
mod tests;
mod text;

use crate::catalogue::{TELEMETRY_PAGE_BYTES, TELEMETRY_PAGE_SAMPLES, TELEMETRY_RENDER_DURATION_SECONDS};
use crate::registry::{Reading, Readings, Store};
pub use endpoint::PrometheusSettings;
pub(crate) use endpoint::{PATH, has_metrics_route, router};
use negotiation::Format;
use rendering::Rendering;

/// The page of metrics and the readings that run just before it is written.
pub(crate) struct Page {
    store: &'static Store,
    // Whether a scraper that asks for protobuf gets native histograms.
    native: bool,
    readings: Readings,
}

impl Page {
    /// The page of a registry, for the life of the process.
    pub(crate) fn open(store: &'static Store, native: bool) -> &'static Self {
        Box::leak(Box::new(Self { store, native, readings: Readings::default() }))
    }

    /// Runs `reading` before each rendering: for values that are read rather than counted.
    pub(crate) fn before_render(&self, reading: Reading) {
        self.readings.add(reading);
    }

    /// Whether there is a page in protobuf.
    fn has_native_histograms(&self) -> bool {
        self.native
    }

    /// Begins a page in this format, families in the order of their names, after the readings. Blocks.
    fn begin(&self, format: Format) -> Rendering {
        self.readings.run_all();
        Rendering::begin(self.store, format)
    }

    /// The next part of a page. Blocks.
    fn next_chunk(&self, rendering: &mut Rendering) -> Vec<u8> {
        let chunk = rendering.next_chunk();
        if rendering.is_finished() {
            TELEMETRY_RENDER_DURATION_SECONDS.record(rendering.elapsed.as_secs_f64());
            TELEMETRY_PAGE_SAMPLES.set(rendering.samples as f64);
            TELEMETRY_PAGE_BYTES.set(rendering.bytes as f64);
        }
        chunk
    }
}
