//! What telemetry starts with: its settings, and the error when it cannot start.

use clap::Args;

use crate::delivery::{DeliveryError, DeliverySettings};
use crate::exposition::PrometheusSettings;
use crate::http;
use crate::logs;
use crate::registry::InstallError;
use crate::settings::{self, SettingsError};
use crate::statsd;
use crate::traces;

/// All settings of this crate, to be flattened into a service's own.
///
/// ```
/// use belfry_telemetry::{TelemetrySettings, settings};
///
/// /// The settings of a shop.
/// #[derive(clap::Args)]
/// struct ShopSettings {
///     /// What prices are in.
///     #[arg(id = "SHOP__CURRENCY", default_value = "EUR")]
///     currency: String,
///     #[command(flatten)]
///     telemetry: TelemetrySettings,
/// }
///
/// let settings: ShopSettings = settings::read([("LOG__LEVEL".to_owned(), "warn".to_owned())])?;
/// assert_eq!((&*settings.currency, &*settings.telemetry.log.level), ("EUR", "warn"));
/// // Without settings of its own:
/// let settings = TelemetrySettings::from_env()?;
/// # drop(settings);
/// # Ok::<(), settings::SettingsError>(())
/// ```
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

impl TelemetrySettings {
    pub(crate) fn deliveries(&self) -> DeliverySettings<'_> {
        let metrics = self.prometheus.enabled || self.statsd.enabled;
        DeliverySettings { log: &self.log, loki: &self.loki, tracing: &self.tracing, metrics }
    }

    /// Reads them from the environment of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        settings::read(settings::environment::<Self>()?)
    }
}

/// Why telemetry could not start.
///
/// ```standalone_crate
/// use belfry_telemetry::{StartError, Telemetry};
///
/// // Not inside a Tokio runtime.
/// match Telemetry::from_env("shop", "1.4.0", &[]) {
///     Err(StartError::Settings(error)) => panic!("{} is wrong", error.variable),
///     Err(error) => assert!(matches!(error, StartError::Runtime(_))),
///     Ok(_) => unreachable!(),
/// }
/// ```
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
    /// There is no Tokio runtime here.
    #[error("telemetry must start inside a Tokio runtime")]
    Runtime(#[source] tokio::runtime::TryCurrentError),
    /// The thread that sends to StatsD could not be started.
    #[error("cannot start the thread that sends to StatsD")]
    Statsd(#[source] std::io::Error),
    /// There is no thread for deliveries.
    #[error("cannot start the thread that delivers logs and spans")]
    Deliveries(#[source] std::io::Error),
    /// The thread that writes the page of metrics cannot be started.
    #[error("cannot start the page of metrics")]
    Page(#[source] std::io::Error),
}

impl From<DeliveryError> for StartError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Settings(error) => Self::Settings(error),
            DeliveryError::Thread(error) => Self::Deliveries(error),
        }
    }
}
