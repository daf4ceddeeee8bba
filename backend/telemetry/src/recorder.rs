//! Installs the Prometheus recorder from a catalogue and renders its page.
//!
//! With monitoring off nothing is installed: emits stay at one atomic load and there is no page.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Unit, with_recorder};
use metrics_exporter_dogstatsd::DogStatsDRecorder;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::layers::FanoutBuilder;

use crate::catalogue;
use crate::metric::{self, Kind, Row};

/// Histogram samples take 16 bytes each until they are folded into their buckets, so they are folded this often.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// Why a recorder could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Two rows have one name; the exporter would silently merge or repeat them.
    #[error("metric {0} is declared twice")]
    Duplicate(&'static str),
    /// A histogram without buckets would be rendered as a summary, which cannot be aggregated.
    #[error("histogram {0} has no buckets")]
    NoBuckets(&'static str),
    /// The exporter refused its settings.
    #[error("cannot build the Prometheus recorder")]
    Build(#[from] BuildError),
    /// Another recorder is there already.
    #[error("another metrics recorder is installed in this process")]
    Occupied,
}

/// The page of metrics and what must be read just before it is written.
pub(crate) struct Page {
    handle: PrometheusHandle,
    float_counters: Vec<&'static str>,
    before: Mutex<Vec<Reading>>,
}

/// Sets gauges from what is read rather than counted.
pub(crate) type Reading = Box<dyn Fn() + Send>;

/// How often readings are taken when there is no page before which to take them.
const READ_EVERY: Duration = Duration::from_secs(10);

/// Installs the recorders that are switched on, for the whole process, and touches each series that is known in advance.
///
/// Must run inside a Tokio runtime, where it leaves the upkeep task, and before anything emits.
/// `latency_buckets` replace those of `http_request_duration_seconds`. Without Prometheus there is no page.
pub(crate) fn install(
    catalogues: &[&'static [&'static Row]],
    prometheus: bool,
    statsd: Option<DogStatsDRecorder>,
    latency_buckets: Option<&[f64]>,
) -> Result<Option<&'static Page>, InstallError> {
    let rows: Vec<&'static Row> = catalogues.iter().flat_map(|rows| rows.iter().copied()).collect();
    let prometheus = prometheus.then(|| build(&rows, latency_buckets)).transpose()?;
    let handle = prometheus.as_ref().map(PrometheusRecorder::handle);
    match (prometheus, statsd) {
        (None, None) => return Ok(None),
        (Some(prometheus), None) => metrics::set_global_recorder(prometheus).map_err(|_| InstallError::Occupied)?,
        (None, Some(statsd)) => metrics::set_global_recorder(statsd).map_err(|_| InstallError::Occupied)?,
        (Some(prometheus), Some(statsd)) => {
            let both = FanoutBuilder::default().add_recorder(prometheus).add_recorder(statsd).build();
            metrics::set_global_recorder(both).map_err(|_| InstallError::Occupied)?;
        }
    }
    for row in &rows {
        describe(row);
        row.touch_known_series();
    }
    metric::switch_on();
    Ok(handle.map(|handle| page(handle, &rows)))
}

/// A Prometheus recorder with the rows' buckets.
fn build(rows: &[&'static Row], latency_buckets: Option<&[f64]>) -> Result<PrometheusRecorder, InstallError> {
    let mut builder = PrometheusBuilder::new();
    for (index, row) in rows.iter().enumerate() {
        if rows[..index].iter().any(|earlier| earlier.name == row.name) {
            return Err(InstallError::Duplicate(row.name));
        }
        if row.kind == Kind::Histogram {
            if row.buckets.is_empty() {
                return Err(InstallError::NoBuckets(row.name));
            }
            let own = latency_buckets.filter(|_| row.name == catalogue::HTTP_REQUEST_DURATION_SECONDS.row.name);
            let buckets = own.unwrap_or(row.buckets);
            builder = builder.set_buckets_for_metric(Matcher::Full(row.name.to_owned()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

/// The page of a recorder, with the task that folds its samples into their buckets.
fn page(handle: PrometheusHandle, rows: &[&'static Row]) -> &'static Page {
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    let float_counters = rows.iter().filter(|row| row.kind == Kind::FloatCounter).map(|row| row.name).collect();
    // One page for the life of the process.
    Box::leak(Box::new(Page { handle, float_counters, before: Mutex::default() }))
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
        let started = Instant::now();
        for reading in self.before.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            reading();
        }
        let text = self.handle.render();
        let mut families: Vec<&str> = text.split_terminator("\n\n").collect();
        families.sort_unstable_by_key(|family| family_name(family));
        let mut page = String::with_capacity(text.len());
        for family in families {
            let name = family_name(family);
            if self.float_counters.contains(&name) {
                page.push_str(&family.replacen(&format!("# TYPE {name} gauge"), &format!("# TYPE {name} counter"), 1));
            } else {
                page.push_str(family);
            }
            page.push_str("\n\n");
        }
        catalogue::TELEMETRY_RENDER_DURATION_SECONDS.record(started.elapsed().as_secs_f64());
        page
    }
}

/// The name on the family's first line, `# HELP name ...` or `# TYPE name ...`.
fn family_name(family: &str) -> &str {
    family.split(' ').nth(2).unwrap_or_default()
}
