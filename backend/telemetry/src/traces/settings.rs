//! The settings of traces, which are known without the feature `otlp` too, so that switching them on is refused.

use clap::{ArgAction, Args};
use url::Url;

use crate::settings::{self, between};

/// Traces to an OTLP collector.
///
/// ```
/// use belfry_telemetry::{settings, traces::TracingSettings};
///
/// let settings: TracingSettings = settings::read([("TRACING__SAMPLE_RATIO".to_owned(), "0.1".to_owned())])?;
/// assert!(!settings.enabled && settings.sample_ratio == 0.1);
/// # Ok::<(), settings::SettingsError>(())
/// ```
#[derive(Args, Clone, Debug)]
pub struct TracingSettings {
    /// Whether spans are sent to an OTLP collector, such as Tempo.
    #[arg(id = "TRACING__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The collector's OTLP/gRPC address; plain http.
    #[arg(id = "TRACING__ENDPOINT", default_value = "http://127.0.0.1:4317", value_parser = settings::http_url)]
    pub endpoint: Url,
    /// Share of traces that begin here and are kept. A caller's own decision is followed.
    #[arg(id = "TRACING__SAMPLE_RATIO", default_value = "1", value_parser = ratio)]
    pub sample_ratio: f64,
    /// Ended spans that may wait for the collector; further ones are dropped and counted.
    #[arg(id = "TRACING__QUEUE", default_value = "2048", value_parser = between(1_usize, 100_000))]
    pub queue: usize,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "a number from 0 to 1".to_owned())
}
