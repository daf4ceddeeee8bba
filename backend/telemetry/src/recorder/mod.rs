//! Installs the recorder and renders the page of metrics.
//!
//! With monitoring off nothing is installed: emits stay at one atomic load and there is no page.

mod check;
pub(crate) mod names;
mod native;
mod readings;
pub(crate) mod samples;
mod store;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Once};
use std::time::Instant;

use crate::catalogue;
use crate::http::HttpOptions;
use crate::metric::{self, Row};
use crate::statsd::{Agent, Sending};
pub(crate) use readings::{Reading, Readings, said};
pub(crate) use store::Store;
use value::Keep;
pub(crate) use value::Value;

/// Why a recorder could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Two rows have one name, or one has a name of another's lines, and would be one metric.
    #[error("metric {0} is declared twice, or is also a line of a histogram")]
    Duplicate(&'static str),
    /// A name that Prometheus would not take, or that says something else than the row.
    #[error("metric {metric}: its name must have {expected}")]
    Name {
        /// The metric.
        metric: &'static str,
        /// What is wanted of its name.
        expected: &'static str,
    },
    /// A label that Prometheus would not take.
    #[error("label {label} of metric {metric}: wanted is {expected}")]
    Label {
        /// The metric.
        metric: &'static str,
        /// Its label.
        label: &'static str,
        /// What is wanted of it.
        expected: &'static str,
    },
    /// A histogram counts into buckets.
    #[error("histogram {0} has no buckets, or they do not ascend")]
    NoBuckets(&'static str),
    /// Another recorder is there already.
    #[error("another metrics recorder is installed in this process")]
    Occupied,
    /// The thread that sends to StatsD could not be started.
    #[error("cannot start the thread that sends to StatsD")]
    Statsd(#[source] io::Error),
}

/// What is to be made of the metrics.
pub(crate) struct Wanted<'w> {
    /// A page for Prometheus.
    pub(crate) prometheus: bool,
    /// Whether a scraper that asks for protobuf gets native histograms.
    pub(crate) native_histograms: bool,
    /// The same metrics to a StatsD agent.
    pub(crate) statsd: Option<Agent>,
    /// Whose buckets stand instead of the standard ones.
    pub(crate) http: &'w HttpOptions,
}

/// What [`install`] has set up.
pub(crate) struct Installed {
    pub(crate) page: Option<&'static Page>,
    pub(crate) statsd: Option<Sending>,
}

/// The page of metrics and what must be read just before it is written.
pub(crate) struct Page {
    store: &'static Store,
    native: bool,
    before: Readings,
    last_bytes: AtomicUsize,
}

/// Installs the recorder when it is wanted, for the whole process, and touches each series that is known in advance.
///
/// Must run inside a Tokio runtime and before anything emits. Without Prometheus there is no page.
pub(crate) fn install(catalogues: &[&'static [&'static Row]], wanted: Wanted<'_>) -> Result<Installed, InstallError> {
    let rows: Vec<&'static Row> = catalogues.iter().flat_map(|rows| rows.iter().copied()).collect();
    check::check(&rows)?;
    if !wanted.prometheus && wanted.statsd.is_none() {
        return Ok(Installed { page: None, statsd: None });
    }
    let native = wanted.prometheus && wanted.native_histograms;
    let keep = Keep { native, samples: wanted.statsd.is_some() };
    // One store for the life of the process.
    let store: &'static Store = Box::leak(Box::new(Store::new(&rows, |row| bounds(row, wanted.http), keep)));
    metrics::set_global_recorder(store).map_err(|_| InstallError::Occupied)?;
    rows.iter().for_each(|row| row.touch_known_series());
    metric::switch_on();
    let page = wanted.prometheus.then(|| {
        &*Box::leak(Box::new(Page {
            store,
            native,
            before: Readings::default(),
            last_bytes: AtomicUsize::new(0),
        }))
    });
    let statsd = wanted.statsd.map(|agent| agent.start(store)).transpose().map_err(InstallError::Statsd)?;
    Ok(Installed { page, statsd })
}

/// The upper bounds of a row's buckets: its own, or what the settings say of requests.
fn bounds(row: &Row, http: &HttpOptions) -> Vec<f64> {
    let set = match row.name {
        name if name == catalogue::HTTP_REQUEST_DURATION_SECONDS.row.name => http.latency_buckets.as_ref(),
        name if name == catalogue::HTTP_REQUEST_SIZE_BYTES.row.name => http.size_buckets.as_ref(),
        name if name == catalogue::HTTP_RESPONSE_SIZE_BYTES.row.name => http.size_buckets.as_ref(),
        _ => None,
    };
    set.map_or_else(|| row.buckets.to_vec(), |set| set.0.clone())
}

/// Takes readings where nobody scrapes a page, as with StatsD alone. Needs a Tokio runtime.
pub(crate) fn read_now_and_then(readings: Vec<Reading>) {
    static READINGS: LazyLock<Readings> = LazyLock::new(Readings::default);
    static STARTED: Once = Once::new();
    readings.into_iter().for_each(|reading| READINGS.add(reading));
    STARTED.call_once(|| READINGS.take_now_and_then());
}

impl Page {
    /// Runs `reading` before each rendering: for values that are read rather than counted.
    pub(crate) fn before_render(&self, reading: Reading) {
        self.before.add(reading);
    }

    /// The page in Prometheus text format 0.0.4, families in the order of their names. Blocks; call it off the async threads.
    pub(crate) fn render(&self) -> String {
        self.before.take();
        let started = Instant::now();
        let (page, samples) = text::page(self.store, self.expected_bytes());
        self.written(started, page.len(), samples);
        page
    }

    /// The page as length-delimited protobuf with native histograms; `None` when that is off. Blocks as [`render`](Self::render).
    pub(crate) fn render_native(&self) -> Option<Vec<u8>> {
        if !self.native {
            return None;
        }
        self.before.take();
        let started = Instant::now();
        let (page, samples) = native::page(self.store, self.expected_bytes());
        self.written(started, page.len(), samples);
        Some(page)
    }

    /// The next page is about as long as the last.
    fn expected_bytes(&self) -> usize {
        let last = self.last_bytes.load(Ordering::Relaxed);
        last + last / 8
    }

    fn written(&self, started: Instant, bytes: usize, samples: usize) {
        self.last_bytes.store(bytes, Ordering::Relaxed);
        catalogue::TELEMETRY_RENDER_DURATION_SECONDS.record(started.elapsed().as_secs_f64());
        catalogue::TELEMETRY_PAGE_SAMPLES.set(samples as f64);
        catalogue::TELEMETRY_PAGE_BYTES.set(bytes as f64);
    }
}
