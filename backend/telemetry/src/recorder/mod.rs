//! Installs the recorders that are switched on and renders the page of metrics.
//!
//! With monitoring off nothing is installed: emits stay at one atomic load and there is no page.

#[cfg(feature = "native-histograms")]
mod native;
mod store;
#[cfg(test)]
mod tests;
mod text;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Recorder, Unit, with_recorder};
use metrics_exporter_dogstatsd::DogStatsDRecorder;
use metrics_util::layers::FanoutBuilder;

use crate::catalogue;
use crate::metric::{self, Kind, Row};
use store::Store;

/// Why a recorder could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Two rows have one name, or one has a name of another's lines, and would be one metric.
    #[error("metric {0} is declared twice, or is also a line of a histogram")]
    Duplicate(&'static str),
    /// A histogram counts into buckets.
    #[error("histogram {0} has no buckets, or they do not ascend")]
    NoBuckets(&'static str),
    /// Another recorder is there already.
    #[error("another metrics recorder is installed in this process")]
    Occupied,
    /// The recorder of native histograms refused its settings.
    #[cfg(feature = "native-histograms")]
    #[error("cannot build the recorder of native histograms: {0}")]
    Native(&'static str),
}

/// Which recorders there are to be.
pub(crate) struct Wanted<'w> {
    /// A page for Prometheus.
    pub(crate) prometheus: bool,
    /// Whether a scraper that asks for protobuf gets native histograms.
    #[cfg_attr(
        not(feature = "native-histograms"),
        expect(dead_code, reason = "refused in the settings without the feature")
    )]
    pub(crate) native_histograms: bool,
    /// The same metrics to a StatsD agent.
    pub(crate) statsd: Option<DogStatsDRecorder>,
    /// Instead of the standard ones for `http_request_duration_seconds`, in seconds.
    pub(crate) latency_buckets: Option<&'w [f64]>,
}

/// The page of metrics and what must be read just before it is written.
pub(crate) struct Page {
    store: &'static Store,
    #[cfg(feature = "native-histograms")]
    native: Option<native::Native>,
    before: Mutex<Vec<Reading>>,
    last_bytes: AtomicUsize,
}

/// Sets gauges from what is read rather than counted.
pub(crate) type Reading = Box<dyn Fn() + Send>;

/// How often readings are taken when there is no page before which to take them.
const READ_EVERY: Duration = Duration::from_secs(10);

/// Installs the recorders that are wanted, for the whole process, and touches each series that is known in advance.
///
/// Must run inside a Tokio runtime and before anything emits. Without Prometheus there is no page.
pub(crate) fn install(
    catalogues: &[&'static [&'static Row]],
    wanted: Wanted<'_>,
) -> Result<Option<&'static Page>, InstallError> {
    let rows: Vec<&'static Row> = catalogues.iter().flat_map(|rows| rows.iter().copied()).collect();
    let bounds = |row: &Row| {
        let own = wanted.latency_buckets.filter(|_| row.name == catalogue::HTTP_REQUEST_DURATION_SECONDS.row.name);
        own.unwrap_or(row.buckets).to_vec()
    };
    check(&rows)?;
    if !wanted.prometheus && wanted.statsd.is_none() {
        return Ok(None);
    }
    let mut recorders: Vec<Box<dyn Recorder + Sync>> = Vec::new();
    let mut page = None;
    if wanted.prometheus {
        // One store for the life of the process.
        let store: &'static Store = Box::leak(Box::new(Store::new(&rows, bounds)));
        #[cfg(feature = "native-histograms")]
        let native = wanted.native_histograms.then(|| native::Native::build(&rows)).transpose()?;
        #[cfg(feature = "native-histograms")]
        let (native, recorder) = native.unzip();
        #[cfg(feature = "native-histograms")]
        if let Some(recorder) = recorder {
            recorders.push(Box::new(recorder));
        }
        recorders.push(Box::new(store));
        page = Some(Page {
            store,
            #[cfg(feature = "native-histograms")]
            native,
            before: Mutex::default(),
            last_bytes: AtomicUsize::new(0),
        });
    }
    if let Some(statsd) = wanted.statsd {
        recorders.push(Box::new(statsd));
    }
    // A fan-out costs each emit a detour, which a single recorder need not pay.
    match recorders.pop() {
        Some(only) if recorders.is_empty() => metrics::set_global_recorder(only).map_err(|_| InstallError::Occupied)?,
        last => {
            let all = recorders.into_iter().chain(last).fold(FanoutBuilder::default(), FanoutBuilder::add_recorder);
            metrics::set_global_recorder(all.build()).map_err(|_| InstallError::Occupied)?;
        }
    }
    for row in &rows {
        describe(row);
        row.touch_known_series();
    }
    metric::switch_on();
    Ok(page.map(|page| &*Box::leak(Box::new(page))))
}

/// What no recorder could mend.
fn check(rows: &[&'static Row]) -> Result<(), InstallError> {
    for (index, row) in rows.iter().enumerate() {
        if rows[..index].iter().any(|earlier| earlier.name == row.name) || is_line_of_a_histogram(row, rows) {
            return Err(InstallError::Duplicate(row.name));
        }
        let ascending = !row.buckets.is_empty() && row.buckets.windows(2).all(|pair| pair[0] < pair[1]);
        if row.kind == Kind::Histogram && !ascending {
            return Err(InstallError::NoBuckets(row.name));
        }
    }
    Ok(())
}

fn is_line_of_a_histogram(row: &Row, rows: &[&'static Row]) -> bool {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| row.name.strip_suffix(suffix));
    base.is_some_and(|base| rows.iter().any(|other| other.kind == Kind::Histogram && other.name == base))
}

/// Takes readings where nobody scrapes a page, as with StatsD alone.
pub(crate) fn read_now_and_then(readings: Vec<Reading>) {
    if readings.is_empty() {
        return;
    }
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(READ_EVERY);
        loop {
            ticks.tick().await;
            readings.iter().for_each(|reading| reading());
        }
    });
}

fn describe(row: &Row) {
    let unit = match row.name.trim_end_matches("_total") {
        name if name.ends_with("_seconds") => Some(Unit::Seconds),
        name if name.ends_with("_bytes") => Some(Unit::Bytes),
        _ => None,
    };
    with_recorder(|recorder| match row.kind {
        Kind::Counter => recorder.describe_counter(row.name.into(), unit, row.help.into()),
        Kind::Histogram => recorder.describe_histogram(row.name.into(), unit, row.help.into()),
        Kind::Gauge | Kind::Reading | Kind::FloatCounter => {
            recorder.describe_gauge(row.name.into(), unit, row.help.into());
        }
    });
}

impl Page {
    /// Runs `reading` before each rendering: for values that are read rather than counted.
    pub(crate) fn before_render(&self, reading: Reading) {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
    }

    /// The page in Prometheus text format 0.0.4, families in the order of their names. Blocks; call it off the async threads.
    pub(crate) fn render(&self) -> String {
        self.read();
        let started = Instant::now();
        // The next page is about as long as the last.
        let last_bytes = self.last_bytes.load(Ordering::Relaxed);
        let (page, samples) = text::page(self.store, last_bytes + last_bytes / 8);
        self.last_bytes.store(page.len(), Ordering::Relaxed);
        catalogue::TELEMETRY_RENDER_DURATION_SECONDS.record(started.elapsed().as_secs_f64());
        catalogue::TELEMETRY_PAGE_SAMPLES.set(samples as f64);
        catalogue::TELEMETRY_PAGE_BYTES.set(page.len() as f64);
        page
    }

    /// The page as length-delimited protobuf with native histograms; `None` when that is off. Blocks as [`render`](Self::render).
    #[cfg(feature = "native-histograms")]
    pub(crate) fn render_native(&self) -> Option<Vec<u8>> {
        let native = self.native.as_ref()?;
        self.read();
        Some(native.render())
    }

    fn read(&self) {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|reading| reading());
    }
}
