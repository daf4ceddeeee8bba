//! Makes any axum service observable: metrics from one catalogue, logs to the console, to files and to Loki, traces over
//! OTLP, health and scheduled jobs.
//!
//! # A whole service
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use belfry_telemetry::{Telemetry, catalogue, health, metric::Values::Closed};
//!
//! catalogue! {
//!     /// Orders taken, by how they ended.
//!     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Closed(&["paid", "cancelled"]) };
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // Before anything emits, inside a Tokio runtime.
//! let telemetry = Telemetry::from_env("shop", env!("CARGO_PKG_VERSION"), ROWS)?;
//! let order = async || ORDERS_TOTAL.with(["paid"]).increment(1);
//! let router = Router::new().route("/order", get(order)).merge(health::router(health::Checks::default()));
//! // Last, so that requests without a route are seen as well.
//! let router = telemetry.observe(router);
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, router).await?;
//! // Delivers what is pending.
//! telemetry.shut_down(std::time::Duration::from_secs(3)).await;
//! # Ok(())
//! # }
//! ```
//!
//! `GET /metrics` then shows every request by method, route template and status, with durations, sizes and what is in
//! progress ([`http`]); the process, its Tokio runtime and its machine ([`sample`]); and the service's own rows. All
//! standard metrics stand in [`catalogue`](mod@catalogue). A [`jobs::JobRun`] counts, notes down and logs a run of any job.
//!
//! # Rules it keeps
//!
//! - A metric is declared once, as a row of a [`catalogue!`], and emitted only through it. Closed labels are on the page as 0
//!   from the first scrape; anything outside their list is `other`; an open label is bounded by a cap, with `overflow`.
//! - A value that is not known is not on the page: a reading that fails is taken off rather than left as it was.
//! - Switched off (`PROMETHEUS__ENABLED=false`) an emit costs one atomic load and there is no page. Nothing here is waited for:
//!   not Prometheus, not Loki, not a collector of traces. What cannot be delivered is counted.
//!
//! # Settings
//!
//! Environment variables, `SECTION__KEY`: those of [`TelemetrySettings`]. A service with settings of its own flattens them into
//! its own [`clap::Args`] and calls [`Telemetry::start`]; [`settings`] reads, checks and prints them.
//!
//! # Cargo features
//!
//! `native-histograms`: for scrapers that read protobuf.

pub mod catalogue;
mod database;
pub mod health;
pub mod http;
pub mod jobs;
pub mod logs;
pub mod metric;
pub mod outgoing;
mod page;
mod recorder;
pub mod reference;
pub mod sample;
pub mod settings;
pub mod statsd;
pub mod testing;
pub mod traces;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

pub use page::PrometheusSettings;
pub use recorder::InstallError;

use recorder::Page;

/// All settings of this crate, to be flattened into a service's own.
#[derive(Args, Clone, Debug)]
pub struct TelemetrySettings {
    /// Metrics.
    #[command(flatten)]
    pub prometheus: PrometheusSettings,
    /// Metrics to a StatsD agent.
    #[command(flatten)]
    pub statsd: statsd::StatsdSettings,
    /// What is measured of requests.
    #[command(flatten)]
    pub http: http::HttpOptions,
    /// Traces to an OTLP collector.
    #[command(flatten)]
    pub tracing: traces::TracingSettings,
    /// Console logs and log files.
    #[command(flatten)]
    pub log: logs::LogSettings,
    /// Logs to Loki.
    #[command(flatten)]
    pub loki: logs::LokiSettings,
}

/// Who emits: the labels of `app_info` and of the log streams.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The service's name.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Where it runs: production, staging, development.
    pub environment: String,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// The recorder could not be installed.
    #[error("cannot install the metrics recorder")]
    Install(#[from] InstallError),
}

/// Telemetry that runs. Keep it until the process ends, then [`shut_down`](Self::shut_down).
pub struct Telemetry {
    page: Option<&'static Page>,
    statsd: Option<statsd::Sending>,
    settings: PrometheusSettings,
    http: http::HttpOptions,
    shipping: logs::Shipping,
    files: Option<logs::LogFiles>,
    traces: Option<traces::Traces>,
    started: f64,
}

impl Telemetry {
    /// Starts telemetry as the process's environment says, for a service named `service` with its own metrics.
    ///
    /// The variables are those of [`TelemetrySettings`]; `APP__ENVIRONMENT` names the environment.
    pub fn from_env(
        service: &'static str,
        version: &'static str,
        catalogue: &'static [&'static metric::Row],
    ) -> Result<Self, StartError> {
        let settings = settings::read::<TelemetrySettings>(std::env::vars())?;
        let environment = std::env::var("APP__ENVIRONMENT").unwrap_or_else(|_| "production".to_owned());
        Self::start(&Identity { service, version, environment }, &settings, catalogue)
    }

    /// Starts logs, and metrics when they are switched on. Must run inside a Tokio runtime and before anything emits.
    pub fn start(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static metric::Row],
    ) -> Result<Self, StartError> {
        let statsd = settings.statsd.enabled.then(|| settings.statsd.agent()).transpose()?;
        let rows = [catalogue::ROWS, catalogue];
        let wanted = recorder::Wanted {
            prometheus: settings.prometheus.enabled,
            native_histograms: settings.prometheus.native_histograms,
            statsd,
            http: &settings.http,
        };
        let recorder::Installed { page, statsd } = recorder::install(&rows, wanted)?;
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        if metric::is_on() {
            catalogue::APP_INFO.with([identity.service, identity.version, &identity.environment]).set(1.0);
            catalogue::APP_START_TIME_SECONDS.set(started);
            let readings = sample::standard();
            match page {
                Some(page) => readings.into_iter().for_each(|reading| page.before_render(reading)),
                None => recorder::read_now_and_then(readings),
            }
        }
        let traces = settings.tracing.enabled.then(|| settings.tracing.connect(identity)).transpose()?;
        let (shipping, files) = logs::start(identity, &settings.log, &settings.loki, traces.as_ref())?;
        let dropped = files.as_ref().map(logs::LogFiles::reading);
        let (settings, http) = (settings.prometheus.clone(), settings.http.clone());
        let telemetry = Self { page, statsd, settings, http, shipping, files, traces, started };
        if let Some(reading) = dropped {
            telemetry.before_scrape(reading);
        }
        Ok(telemetry)
    }

    /// The value of `app_start_time_seconds`, which tells this process from every other.
    pub fn started(&self) -> f64 {
        self.started
    }

    /// The router with its requests measured, identified and traced, its panics caught, and `GET /metrics` added.
    /// Call it last, so that unmatched requests are seen. With metrics off nothing is left of the measuring.
    pub fn observe(&self, router: axum::Router) -> axum::Router {
        let router = router.layer(http::catch_panics()).layer(axum::middleware::from_fn(http::identify));
        if metric::is_on() { router.merge(self.routes()).layer(self.layer()) } else { router }
    }

    /// The layer that measures requests; add it with `Router::layer`.
    pub fn layer(&self) -> http::HttpLayer {
        http::HttpLayer::new(self.http.clone())
    }

    /// `GET /metrics`. With metrics off there is no such route.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        page::router(self.page, &self.settings)
    }

    /// Runs `reading` just before each page is written: for values that are read rather than counted. While it takes longer
    /// than 2 s, and when it panics, what it sets of kind `reading` or `float_counter` is taken off the page.
    pub fn before_scrape(&self, reading: impl Fn() + Send + 'static) {
        match self.page {
            Some(page) => page.before_render(Box::new(reading)),
            None if metric::is_on() => recorder::read_now_and_then(vec![Box::new(reading)]),
            None => {}
        }
    }

    /// Shows how full the file system that holds `folder` is, as the disk called `name`, from the next page on.
    pub fn watch_disk(&self, name: &'static str, folder: impl Into<std::path::PathBuf>) {
        let folder = folder.into();
        self.before_scrape(move || sample::DiskReading::emit(sample::DiskReading::take(&folder).ok(), name));
    }

    /// Delivers pending logs and spans, for at most `grace`. Returns whether all of them got through. StatsD is sent what it
    /// was not yet; whether that arrives is not known.
    pub async fn shut_down(self, grace: Duration) -> bool {
        let statsd = tokio::task::spawn_blocking(move || self.statsd.is_none_or(|statsd| statsd.finish(grace)));
        let spans = tokio::task::spawn_blocking(move || self.traces.is_none_or(|traces| traces.flush(grace)));
        // Dropping them waits for their thread, for a second or so.
        let files = tokio::task::spawn_blocking(move || drop(self.files));
        let (logs, spans, files, statsd) = tokio::join!(self.shipping.flush(grace), spans, files, statsd);
        logs && spans.unwrap_or(false) && files.is_ok() && statsd.unwrap_or(false)
    }
}
