//! [`Telemetry`]: its start and its shutdown.

mod serving;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;

use crate::catalogue;
use crate::delivery::Deliveries;
use crate::exposition::{Page, PrometheusSettings};
use crate::http;
use crate::identity::Identity;
use crate::logs;
use crate::metric::{self, Row};
use crate::registry::{self, HistogramOptions, RegistryOptions};
use crate::sample;
use crate::settings::SettingsError;
use crate::statsd;
use crate::telemetry_settings::{StartError, TelemetrySettings};
use crate::traces;

/// How long [`Telemetry`] waits for deliveries when it is dropped.
const DROP_GRACE: Duration = Duration::from_secs(3);

/// Running telemetry: a guard, to be kept until the process ends.
///
/// [`shut_down`](Self::shut_down) delivers what is pending and returns whether that succeeded. Dropped without it, also by an
/// error or a panic in `main`, it delivers all the same and blocks for up to three seconds.
///
/// ```standalone_crate
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, settings};
/// use std::time::Duration;
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// let identity =
///     Identity { service: "shop", version: "1.4.0", environment: "test".to_owned(), instance: "shop-1".to_owned() };
/// let settings: TelemetrySettings = settings::read([])?;
/// let telemetry = Telemetry::start(&identity, &settings, &[])?;
/// telemetry.watch_disk("uploads", std::env::temp_dir());
/// let router = telemetry.observe(Router::new().route("/", get(async || "hello")));
/// let page = router.oneshot(Request::get("/metrics").body(Body::empty())?).await?;
/// let page = axum::body::to_bytes(page.into_body(), 1 << 20).await?;
/// let page = String::from_utf8_lossy(&page);
/// assert!(page.contains(r#"app_info{service="shop",version="1.4.0",environment="test"} 1"#));
/// assert!(page.contains(r#"host_disk_total_bytes{disk="uploads"}"#));
/// assert!(telemetry.shut_down(Duration::from_secs(3)).await);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Telemetry {
    page: Option<&'static Page>,
    statsd: Option<statsd::StatsdSender>,
    settings: PrometheusSettings,
    http: http::HttpOptions,
    mask: Option<http::Mask>,
    started: f64,
    // None once it was shut down.
    deliveries: Option<Deliveries>,
}

impl Telemetry {
    /// Starts telemetry with the settings of the process's environment, for a service named `service` with its own metrics.
    ///
    /// The variables are those of [`TelemetrySettings`] and of [`Identity::from_env`]. Otherwise as [`start`](Self::start).
    pub fn from_env(
        service: &'static str,
        version: &'static str,
        catalogue: &'static [&'static Row],
    ) -> Result<Self, StartError> {
        Self::start(&Identity::from_env(service, version)?, &TelemetrySettings::from_env()?, catalogue)
    }

    /// Starts logs, and metrics when they are switched on. Must run inside a Tokio runtime and before anything emits.
    ///
    /// Logging is set up for the whole process. In a service that has a tracing subscriber this is [`StartError::Subscriber`];
    /// use [`join`](Self::join) there. A logger of the `log` crate stays.
    pub fn start(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static Row],
    ) -> Result<Self, StartError> {
        let (deliveries, destinations) = Deliveries::open(identity, settings.deliveries())?;
        if !logs::install(destinations.layers(&settings.log, true)) {
            return Err(StartError::Subscriber);
        }
        // Directives about spans, `[span{field=value}]=debug`, read what is recorded on a span.
        if !settings.tracing.enabled && !settings.log.level.contains('[') {
            traces::set_off();
        }
        Self::install(identity, settings, catalogue, deliveries)
    }

    /// Starts everything but the console's logs, for a service that has a tracing subscriber of its own. The layers are to be
    /// added to that subscriber; they count events, measure queries, write files and send to Loki and a collector, as
    /// `settings` say.
    ///
    /// ```no_run
    /// # use belfry_telemetry::{Identity, Telemetry, TelemetrySettings};
    /// use tracing_subscriber::prelude::*;
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let identity = Identity::from_env("shop", env!("CARGO_PKG_VERSION"))?;
    /// let (telemetry, layers) = Telemetry::join(&identity, &TelemetrySettings::from_env()?, &[])?;
    /// tracing_subscriber::registry().with(layers).with(tracing_subscriber::fmt::layer()).init();
    /// # drop(telemetry);
    /// # Ok(())
    /// # }
    /// ```
    pub fn join<S>(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static Row],
    ) -> Result<(Self, logs::Layers<S>), StartError>
    where
        S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        let (deliveries, destinations) = Deliveries::open(identity, settings.deliveries())?;
        let telemetry = Self::install(identity, settings, catalogue, deliveries)?;
        Ok((telemetry, destinations.layers(&settings.log, false)))
    }

    /// As [`join`](Self::join), for a service that has also installed a recorder of the `metrics` crate, such as that of
    /// `metrics-exporter-prometheus`. The catalogue is emitted to that one and appears on its page, `GET /metrics` is the
    /// service's own, and [`layer`](Self::layer), [`observe`](Self::observe), health and jobs work as with our registry.
    ///
    /// What follows from the values being kept elsewhere:
    ///
    /// - The recorder decides on buckets: set them for `http_request_duration_seconds` and the other histograms, or the
    ///   exporter shows summaries. `HTTP_METRICS__LATENCY_BUCKETS` and the rows' own buckets have no effect.
    /// - The cap of a row holds; past it open labels are `overflow`, but `telemetry_series_dropped_total` stays at 0. Metrics
    ///   outside the catalogues are not capped.
    /// - Closed labels, and `other` for anything outside their list, hold. Series known in advance are registered at the
    ///   start.
    /// - A value that is not known any more is `NaN` rather than absent, and a `float_counter` is a gauge.
    /// - Readings and [`before_scrape`](Self::before_scrape) run every 10 s, since nobody says when a page is written.
    /// - Handles are cached, so the recorder must not drop series that are idle (`idle_timeout` of the exporter).
    /// - What is known of our page alone (`telemetry_page_…`, `telemetry_render_…`, `telemetry_series_…`) stays at 0.
    /// - There are no exemplars, native histograms or StatsD: with `STATSD__ENABLED` this is [`StartError::Settings`].
    ///
    /// With `PROMETHEUS__ENABLED=false` nothing is emitted. Must run inside a Tokio runtime, and after the recorder is installed:
    /// without one this fails, and the process can have none any more. The recorder must not log, because log events are
    /// counted in it.
    ///
    /// ```no_run
    /// # use belfry_telemetry::{Identity, Telemetry, TelemetrySettings};
    /// # use belfry_telemetry::catalogue::LATENCY_SECONDS;
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    /// use tracing_subscriber::prelude::*;
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// // Before telemetry.
    /// let exporter = PrometheusBuilder::new().set_buckets(LATENCY_SECONDS)?.install_recorder()?;
    /// let identity = Identity::from_env("shop", env!("CARGO_PKG_VERSION"))?;
    /// let (telemetry, layers) = Telemetry::join_recorder(&identity, &TelemetrySettings::from_env()?, &[])?;
    /// tracing_subscriber::registry().with(layers).with(tracing_subscriber::fmt::layer()).init();
    /// # drop((exporter, telemetry));
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_recorder<S>(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static Row],
    ) -> Result<(Self, logs::Layers<S>), StartError>
    where
        S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        if settings.statsd.enabled {
            return Err(StartError::Settings(SettingsError {
                variable: "STATSD__ENABLED".to_owned(),
                found: "true".to_owned(),
                expected: "false, because the service's own recorder has the values".to_owned(),
            }));
        }
        tokio::runtime::Handle::try_current().map_err(StartError::Runtime)?;
        let (deliveries, destinations) = Deliveries::open(identity, settings.deliveries())?;
        let rows = registry::checked_rows(&[catalogue::ROWS, catalogue])?;
        if settings.prometheus.enabled {
            registry::use_installed_recorder(&rows)?;
        }
        let telemetry = Self::run(identity, settings, deliveries, None, None);
        Ok((telemetry, destinations.layers(&settings.log, false)))
    }

    fn install(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static Row],
        deliveries: Deliveries,
    ) -> Result<Self, StartError> {
        let agent = settings.statsd.enabled.then(|| settings.statsd.resolve()).transpose()?;
        let rows = registry::checked_rows(&[catalogue::ROWS, catalogue])?;
        let (mut page, mut statsd) = (None, None);
        if settings.prometheus.enabled || agent.is_some() {
            // Readings of the runtime need one.
            tokio::runtime::Handle::try_current().map_err(StartError::Runtime)?;
            let native = settings.prometheus.enabled && settings.prometheus.native_histograms;
            let exemplars = settings.tracing.enabled.then_some(traces::sampled_span as registry::CurrentSpan);
            let histograms = HistogramOptions { native, samples: agent.is_some(), exemplars };
            let store = registry::install(&rows, &RegistryOptions { buckets: settings.http.buckets(), histograms })?;
            page =
                settings.prometheus.enabled.then(|| Page::open(store, native)).transpose().map_err(StartError::Page)?;
            statsd = agent.map(|agent| agent.start(store)).transpose().map_err(StartError::Statsd)?;
        }
        Ok(Self::run(identity, settings, deliveries, page, statsd))
    }

    /// Begins to emit, once emits have somewhere to go.
    fn run(
        identity: &Identity,
        settings: &TelemetrySettings,
        deliveries: Deliveries,
        page: Option<&'static Page>,
        statsd: Option<statsd::StatsdSender>,
    ) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        if metric::is_on() {
            catalogue::APP_INFO.with((identity.service, identity.version, &identity.environment)).set(1.0);
            catalogue::APP_START_TIME_SECONDS.set(started);
            let readings = sample::standard();
            match page {
                Some(page) => readings.into_iter().for_each(|reading| page.before_render(reading)),
                None => registry::read_periodically(readings),
            }
        }
        let dropped = deliveries.files.as_ref().map(logs::LogFiles::reading);
        let (settings, http) = (settings.prometheus.clone(), settings.http.clone());
        let telemetry = Self { page, statsd, settings, http, mask: None, started, deliveries: Some(deliveries) };
        if let Some(reading) = dropped {
            telemetry.before_scrape(reading);
        }
        telemetry
    }

    /// Delivers pending logs and spans, for at most `grace`. Returns whether all of them were delivered. What is pending
    /// for StatsD is sent; whether it arrives is unknown, as it is of logs with `LOKI__DELIVERY=direct`.
    pub async fn shut_down(mut self, grace: Duration) -> bool {
        tokio::task::spawn_blocking(move || self.flush(grace)).await.unwrap_or(false)
    }

    fn flush(&mut self, grace: Duration) -> bool {
        // At the same time as the deliveries.
        let statsd = self.statsd.take().map(|statsd| std::thread::spawn(move || statsd.finish(grace)));
        let delivered = self.deliveries.take().is_none_or(|deliveries| deliveries.flush(grace));
        statsd.is_none_or(|thread| thread.join().unwrap_or(false)) && delivered
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush(DROP_GRACE);
    }
}
