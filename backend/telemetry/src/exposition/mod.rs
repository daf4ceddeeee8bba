//! Shows what the registry holds, at `GET /metrics`: as text, as OpenMetrics with exemplars, and as protobuf with exemplars
//! and native histograms.

mod endpoint;
mod messages;
mod negotiation;
mod open_metrics;
mod protobuf;
mod renderer;
mod rendering;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::thread;

use crate::catalogue::{TELEMETRY_PAGE_BYTES, TELEMETRY_PAGE_SAMPLES, TELEMETRY_RENDER_DURATION_SECONDS};
use crate::registry::{Reading, Readings, Store};
pub use endpoint::PrometheusSettings;
pub(crate) use endpoint::{PATH, has_metrics_route, router};
use negotiation::Format;
use renderer::{Rendered, Renderer};
use rendering::Rendering;

/// The page of metrics, the readings that are taken just before it is written, and the thread that writes it.
pub(crate) struct Page {
    store: &'static Store,
    // Whether a scraper that asks for protobuf gets native histograms.
    native: bool,
    readings: Readings,
    renderer: Renderer,
}

impl Page {
    /// The page of a registry, for the life of the process.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub(crate) fn open(store: &'static Store, native: bool) -> io::Result<&'static Self> {
        let (renderer, jobs) = Renderer::new();
        let page: &'static Self = Box::leak(Box::new(Self { store, native, readings: Readings::default(), renderer }));
        thread::Builder::new().name("metrics-page".to_owned()).spawn(move || page.renderer.run(page, jobs))?;
        Ok(page)
    }

    /// Runs `reading` before each rendering: for values that are read rather than counted.
    pub(crate) fn before_render(&self, reading: Reading) {
        self.readings.add(reading);
    }

    /// Whether there is a page in protobuf.
    fn has_native_histograms(&self) -> bool {
        self.native
    }

    /// Takes the readings and writes the first chunk of a page in this format, families in the order of their names.
    fn begin(&self, format: Format) -> Rendered {
        self.readings.run_all();
        self.next_chunk(Rendering::begin(self.store, format))
    }

    /// Writes the next chunk of a page. Takes a while with many series.
    fn next_chunk(&self, mut rendering: Rendering) -> Rendered {
        let chunk = rendering.next_chunk();
        if rendering.is_finished() {
            TELEMETRY_RENDER_DURATION_SECONDS.record(rendering.elapsed.as_secs_f64());
            TELEMETRY_PAGE_SAMPLES.set(rendering.samples as f64);
            TELEMETRY_PAGE_BYTES.set(rendering.bytes as f64);
        }
        (chunk.into(), rendering)
    }
}
