//! The registry: the values of every series behind the `metrics` facade, and every cap on how many there may be.
//!
//! How they are shown is said in `exposition/` (text and protobuf) and `statsd/`. With monitoring off no registry is
//! installed: an emit stays at one atomic load.

mod caps;
mod check;
mod dropped;
mod exemplars;
#[cfg(test)]
pub(crate) mod fixtures;
mod foreign_recorder;
pub(crate) mod names;
mod native_buckets;
mod readings;
mod samples;
mod store;
#[cfg(test)]
mod tests;
mod value;

use std::sync::{LazyLock, Once};

use crate::metric::{self, Row};
#[cfg(test)]
pub(crate) use caps::FOREIGN_METRICS_CAP;
pub(crate) use exemplars::{CurrentSpan, Exemplar, SpanIds};
pub(crate) use foreign_recorder::use_installed_recorder;
pub(crate) use native_buckets::{NativeBuckets, ZERO_THRESHOLD};
pub(crate) use readings::{Reading, Readings};
pub(crate) use store::{Family, Store};
pub(crate) use value::{Distribution, HistogramOptions, Value};

/// Why a registry could not be installed.
///
/// ```standalone_crate
/// use belfry_telemetry::{InstallError, StartError, Telemetry};
///
/// belfry_telemetry::catalogue! {
///     /// A counter whose name does not end in `_total`.
///     counter VISITS = "shop_visits" {};
/// }
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// # let (environment, instance) = ("test".to_owned(), "shop-1".to_owned());
/// # let identity = belfry_telemetry::Identity { service: "shop", version: "1.4.0", environment, instance };
/// # let settings = belfry_telemetry::settings::read([]).unwrap();
/// let refused = Telemetry::start(&identity, &settings, ROWS).err();
/// let named = |error| matches!(error, StartError::Install(InstallError::Name { metric: "shop_visits", .. }));
/// assert!(refused.is_some_and(named));
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Two rows have one name, or one has a name of another's lines, and would be one metric.
    #[error("metric {0} is declared twice, or is also a line of a histogram")]
    Duplicate(&'static str),
    /// A name that Prometheus would not accept, or that says something else than the row.
    #[error("metric {metric}: its name must have {expected}")]
    Name {
        /// The metric.
        metric: &'static str,
        /// What its name must have.
        expected: &'static str,
    },
    /// A label that Prometheus would not accept.
    #[error("label {label} of metric {metric}: expected {expected}")]
    Label {
        /// The metric.
        metric: &'static str,
        /// Its label.
        label: &'static str,
        /// What is expected of it.
        expected: &'static str,
    },
    /// A histogram counts into buckets.
    #[error("histogram {0} has no buckets, or they do not ascend")]
    NoBuckets(&'static str),
    /// Another recorder of the `metrics` crate is installed already.
    #[error("another metrics recorder is installed in this process; start with Telemetry::join_recorder")]
    Occupied,
    /// [`Telemetry::join_recorder`](crate::Telemetry::join_recorder) came before the service's recorder.
    #[error("no metrics recorder is installed in this process; install it before Telemetry::join_recorder")]
    NoRecorder,
}

/// How the registry is set up.
#[derive(Default)]
pub(crate) struct RegistryOptions {
    /// Upper bounds of the buckets of histograms whose settings replace those of their row, by metric name.
    pub(crate) buckets: Vec<(&'static str, Vec<f64>)>,
    /// What histograms record besides their buckets.
    pub(crate) histograms: HistogramOptions,
}

impl RegistryOptions {
    /// The upper bounds of a row's buckets: those of the settings, or its own.
    fn bounds_of(&self, row: &Row) -> Vec<f64> {
        let replaced = self.buckets.iter().find(|(name, _)| *name == row.name);
        replaced.map_or_else(|| row.buckets.to_vec(), |(_, bounds)| bounds.clone())
    }
}

/// Every row of the catalogues, checked: what no registry could repair is refused before anything is emitted.
pub(crate) fn checked_rows(catalogues: &[&'static [&'static Row]]) -> Result<Vec<&'static Row>, InstallError> {
    let rows: Vec<&'static Row> = catalogues.iter().flat_map(|rows| rows.iter().copied()).collect();
    check::check(&rows)?;
    Ok(rows)
}

/// Installs a registry for the whole process and registers each series that is known in advance.
///
/// Must run before anything emits, and lasts as long as the process.
pub(crate) fn install(rows: &[&'static Row], options: &RegistryOptions) -> Result<&'static Store, InstallError> {
    let store: &'static Store = Box::leak(Box::new(Store::new(rows, |row| options.bounds_of(row), options.histograms)));
    metrics::set_global_recorder(store).map_err(|_| InstallError::Occupied)?;
    rows.iter().for_each(|row| row.register_known_series());
    metric::switch_on(store);
    Ok(store)
}

/// Runs readings periodically where nobody scrapes a page, as with StatsD alone. Needs a Tokio runtime.
pub(crate) fn read_periodically(readings: Vec<Reading>) {
    static READINGS: LazyLock<Readings> = LazyLock::new(Readings::default);
    static STARTED: Once = Once::new();
    readings.into_iter().for_each(|reading| READINGS.add(reading));
    STARTED.call_once(|| READINGS.run_periodically());
}
