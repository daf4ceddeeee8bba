//! The same metrics to a StatsD or DogStatsD agent, beside Prometheus or alone.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::{ArgAction, Args};
use metrics_exporter_dogstatsd::{AggregationMode, DogStatsDBuilder, DogStatsDRecorder};

use crate::settings::{self, SettingsError};

/// Metrics to a StatsD agent.
#[derive(Args, Clone, Debug)]
pub struct StatsdSettings {
    /// Whether metrics are also sent to a StatsD or DogStatsD agent.
    #[arg(id = "STATSD__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The agent's UDP address.
    #[arg(id = "STATSD__ADDRESS", default_value = "127.0.0.1:8125")]
    pub address: String,
    /// How often metrics are sent.
    #[arg(id = "STATSD__INTERVAL", default_value = "10s", value_parser = settings::duration)]
    pub interval: Duration,
}

impl StatsdSettings {
    /// A recorder that sends to the agent from a thread of its own.
    pub(crate) fn recorder(&self) -> Result<DogStatsDRecorder, SettingsError> {
        let refused = |cause: String| SettingsError {
            variable: "STATSD__ADDRESS".to_owned(),
            found: format!("`{}`{cause}", self.address),
            expected: "a UDP address such as 127.0.0.1:8125".to_owned(),
        };
        let resolved = self.address.to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
        let address = resolved.map_err(|error| refused(format!(" ({error})")))?;
        let address = address.first().ok_or_else(|| refused(" (no such host)".to_owned()))?;
        DogStatsDBuilder::default()
            .with_remote_address(format!("udp://{address}"))
            .map_err(|error| refused(format!(" ({error})")))?
            .with_aggregation_mode(AggregationMode::Aggressive)
            .with_flush_interval(self.interval)
            // Its own health is not in the catalogue.
            .with_telemetry(false)
            .build()
            .map_err(|error| refused(format!(" ({error})")))
    }
}
