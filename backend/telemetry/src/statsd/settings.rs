//! The settings of StatsD, which are known without the feature `statsd` too, so that switching it on is refused.

use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::settings;

/// Metrics to a StatsD agent.
///
/// ```
/// use belfry_telemetry::{settings, statsd::{HistogramType, StatsdSettings}};
///
/// let variables = [("STATSD__ENABLED", "true"), ("STATSD__HISTOGRAMS", "histogram")];
/// let settings: StatsdSettings = settings::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))?;
/// assert!(settings.enabled && settings.histograms == HistogramType::Histogram);
/// # Ok::<(), settings::SettingsError>(())
/// ```
#[derive(Args, Clone, Debug)]
pub struct StatsdSettings {
    /// Whether metrics are also sent to a StatsD agent that understands DogStatsD's tags, such as Datadog's, Telegraf or
    /// Prometheus's statsd_exporter.
    #[arg(id = "STATSD__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The agent's UDP address.
    #[arg(id = "STATSD__ADDRESS", default_value = "127.0.0.1:8125", value_parser = host_and_port)]
    pub address: String,
    /// How often metrics are sent, and once more at the end. Of each histogram series up to 4096 values are sent a time; of
    /// more as many, with the share that they are, so that their count stays right.
    #[arg(id = "STATSD__INTERVAL", default_value = "10s", value_parser = settings::duration_between("10ms", "1h"))]
    pub interval: Duration,
    /// What the values of histograms are to the agent: `distribution` (`|d`) or `histogram` (`|h`).
    #[arg(id = "STATSD__HISTOGRAMS", default_value = "distribution")]
    pub histograms: HistogramType,
}

/// The type under which values of histograms are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HistogramType {
    /// `|d`: percentiles over all hosts, in Datadog.
    Distribution,
    /// `|h`: percentiles in each agent.
    Histogram,
}

/// Whether the host exists is found out at the start.
fn host_and_port(text: &str) -> Result<String, String> {
    let usable = text.rsplit_once(':').is_some_and(|(host, port)| {
        // An address of IPv6 has colons of its own.
        let is_host = !host.is_empty() && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')));
        is_host && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if usable { Ok(text.to_owned()) } else { Err("a UDP address such as 127.0.0.1:8125".to_owned()) }
}
