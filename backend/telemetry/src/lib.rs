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
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, router).with_graceful_shutdown(belfry_telemetry::asked_to_stop()).await?;
//! // Delivers what is pending, as dropping it does; this way one learns whether all got through.
//! telemetry.shut_down(std::time::Duration::from_secs(3)).await;
//! # Ok(())
//! # }
//! ```
//!
//! `GET /metrics` then shows every request by method, route template and status, with durations, sizes and what is in
//! progress ([`http`]); the process, its Tokio runtime and its machine ([`sample`]); and the service's own rows. All
//! standard metrics stand in [`catalogue`](mod@catalogue). A [`jobs::JobRun`] counts, notes down and logs a run of any job.
//!
//! [`Telemetry`] is the guard of all that: keep it in `main`. Stop by a graceful shutdown rather than by the default of
//! SIGTERM, which ends a process in the middle of a word.
//!
//! # A service that is there already
//!
//! - **It has a tracing subscriber**: [`Telemetry::join`] returns the layers to be added to that one. [`Telemetry::start`] over
//!   it is an error, not a panic. A logger of the `log` crate stays what it is.
//! - **It has a `GET /metrics`**: [`Telemetry::observe`] leaves it and says so; serve [`Telemetry::routes`] elsewhere.
//! - **It has a recorder of the `metrics` crate**: [`InstallError::Occupied`]. There can be one, and the catalogue needs its own.
//! - **It measures its requests**: leave `observe` out, and take [`Telemetry::routes`] and [`http::identify`] alone.
//! - **It has a database**: [`database`] says what sqlx must report and how the pool is read.
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
pub mod database;
mod delivery;
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
mod stop;
pub mod testing;
pub mod tls;
pub mod traces;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;

pub use page::PrometheusSettings;
pub use recorder::InstallError;
pub use stop::asked_to_stop;

use delivery::Deliveries;
use recorder::Page;
use settings::SettingsError;

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

impl TelemetrySettings {
    /// Reads them from the environment of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        settings::read(settings::environment::<Self>()?)
    }
}

impl Identity {
    /// A service whose environment is named by `APP__ENVIRONMENT`: production where it is not set.
    pub fn from_env(service: &'static str, version: &'static str) -> Result<Self, SettingsError> {
        const VARIABLE: &str = "APP__ENVIRONMENT";
        let environment = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let environment = environment.map(|value| settings::text_of(VARIABLE, value)).transpose()?;
        Ok(Self { service, version, environment: environment.unwrap_or_else(|| "production".to_owned()) })
    }
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The recorder could not be installed.
    #[error("cannot install the metrics recorder")]
    Install(#[from] InstallError),
    /// The service logs through a subscriber of its own.
    #[error("a tracing subscriber is installed already; start with Telemetry::join and add its layers to that one")]
    Subscriber,
    /// There is no thread for deliveries.
    #[error("cannot start the thread that delivers logs and spans")]
    Deliveries(#[source] std::io::Error),
}

/// How long [`Telemetry`] waits for deliveries when it is dropped.
const DROP_GRACE: Duration = Duration::from_secs(3);

/// Telemetry that runs: a guard, to be kept until the process ends.
///
/// [`shut_down`](Self::shut_down) delivers what is pending and says whether it got through. Dropped without it, also by an
/// error or a panic of `main`, it delivers all the same and blocks for up to three seconds at that.
pub struct Telemetry {
    page: Option<&'static Page>,
    statsd: Option<statsd::Sending>,
    settings: PrometheusSettings,
    http: http::HttpOptions,
    started: f64,
    // None once it was shut down.
    deliveries: Option<Deliveries>,
}

impl Telemetry {
    /// Starts telemetry as the process's environment says, for a service named `service` with its own metrics.
    ///
    /// The variables are those of [`TelemetrySettings`] and of [`Identity::from_env`]. As [`start`](Self::start) in all else.
    pub fn from_env(
        service: &'static str,
        version: &'static str,
        catalogue: &'static [&'static metric::Row],
    ) -> Result<Self, StartError> {
        Self::start(&Identity::from_env(service, version)?, &TelemetrySettings::from_env()?, catalogue)
    }

    /// Starts logs, and metrics when they are switched on. Must run inside a Tokio runtime and before anything emits.
    ///
    /// Logging is set up for the whole process, which a service that has a tracing subscriber does not want: that is
    /// [`StartError::Subscriber`], and [`join`](Self::join) is for it. A logger of the `log` crate stays what it is.
    pub fn start(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static metric::Row],
    ) -> Result<Self, StartError> {
        let (deliveries, destinations) = Deliveries::open(identity, settings)?;
        if !logs::install(destinations.layers(&settings.log, true)) {
            return Err(StartError::Subscriber);
        }
        Self::record(identity, settings, catalogue, deliveries)
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
        catalogue: &'static [&'static metric::Row],
    ) -> Result<(Self, logs::Layers<S>), StartError>
    where
        S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        let (deliveries, destinations) = Deliveries::open(identity, settings)?;
        let telemetry = Self::record(identity, settings, catalogue, deliveries)?;
        Ok((telemetry, destinations.layers(&settings.log, false)))
    }

    fn record(
        identity: &Identity,
        settings: &TelemetrySettings,
        catalogue: &'static [&'static metric::Row],
        deliveries: Deliveries,
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
        let dropped = deliveries.files.as_ref().map(logs::LogFiles::reading);
        let (settings, http) = (settings.prometheus.clone(), settings.http.clone());
        let telemetry = Self { page, statsd, settings, http, started, deliveries: Some(deliveries) };
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
    ///
    /// A `GET /metrics` that the router has already stays, with a warning: serve [`routes`](Self::routes) elsewhere then, as
    /// with `Router::nest("/internal", telemetry.routes())`.
    pub fn observe(&self, router: axum::Router) -> axum::Router {
        let taken = self.page.is_some() && page::is_taken(&router);
        let router = router.layer(http::catch_panics()).layer(axum::middleware::from_fn(http::identify));
        if !metric::is_on() {
            return router;
        }
        if taken {
            tracing::warn!(
                "the router has a GET /metrics of its own, which stays; the page of telemetry is not served there"
            );
            return router.layer(self.layer());
        }
        // In this order: of two default fallbacks axum keeps the second, which here has the layers above.
        self.routes().merge(router).layer(self.layer())
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
    pub async fn shut_down(mut self, grace: Duration) -> bool {
        tokio::task::spawn_blocking(move || self.finish(grace)).await.unwrap_or(false)
    }

    fn finish(&mut self, grace: Duration) -> bool {
        // At the same time, like the deliveries among each other.
        let statsd = self.statsd.take().map(|statsd| std::thread::spawn(move || statsd.finish(grace)));
        let delivered = self.deliveries.take().is_none_or(|deliveries| deliveries.finish(grace));
        statsd.is_none_or(|sending| sending.join().unwrap_or(false)) && delivered
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.finish(DROP_GRACE);
    }
}
