//! The settings of the log delivery, which are known without the feature `loki` too, so that switching it on is refused.

use clap::Args;
use url::Url;

use crate::settings::{self, Secret, SettingsError, between};

/// Which sender delivers log events to Loki.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LokiDelivery {
    /// Our own sender.
    Buffered,
    /// The crate `tracing-loki`.
    Direct,
}

/// Logs to Loki.
///
/// ```
/// use belfry_telemetry::logs::{LokiDelivery, LokiSettings};
/// use belfry_telemetry::settings;
///
/// let variables = [("LOKI__ENABLED", "true"), ("LOKI__URL", "https://loki:3100"), ("LOKI__DELIVERY", "direct")];
/// let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let mut loki: LokiSettings = settings::read(variables)?;
/// assert_eq!(loki.check().unwrap_err().variable, "LOKI__URL");
/// loki.delivery = LokiDelivery::Buffered;
/// assert!(loki.check().is_ok());
/// # Ok::<(), settings::SettingsError>(())
/// ```
#[derive(Args, Clone, Debug)]
pub struct LokiSettings {
    /// Whether log events are also sent to Loki.
    #[arg(id = "LOKI__ENABLED", default_value = "false", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// `buffered` retries every event and counts those it loses; `direct` is the crate tracing-loki, which loses some uncounted.
    #[arg(id = "LOKI__DELIVERY", default_value = "buffered")]
    pub delivery: LokiDelivery,
    /// Where Loki listens.
    #[arg(id = "LOKI__URL", default_value = "http://127.0.0.1:3100", value_parser = settings::http_url)]
    pub url: Url,
    /// Sent as `Authorization: Bearer <token>`, where a proxy in front of Loki requires one.
    #[arg(id = "LOKI__BEARER_TOKEN", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub bearer_token: Secret,
    /// Sent as `X-Scope-OrgID`, where Loki has several tenants.
    #[arg(id = "LOKI__TENANT", default_value = "", value_parser = tenant)]
    pub tenant: String,
    /// Events that may wait while Loki is away; further ones are dropped and counted. Not used by `direct`.
    #[arg(id = "LOKI__QUEUE", default_value = "10000", value_parser = between(1_usize, 1_000_000))]
    pub queue: usize,
}

/// What Loki takes as the name of a tenant (its documentation, "Manage tenants").
fn tenant(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte);
    if text.len() <= 150 && text.bytes().all(is_allowed) && !matches!(text, "." | "..") {
        Ok(text.to_owned())
    } else {
        Err("up to 150 letters, digits and ! - _ . * ' ( )".to_owned())
    }
}

impl LokiSettings {
    /// Refuses settings that are each fine and together wrong: Loki is to be reached by https with a sender that has no TLS.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.enabled && self.delivery == LokiDelivery::Direct && self.url.scheme() != "http" {
            return Err(SettingsError {
                variable: "LOKI__URL".to_owned(),
                found: format!("{} with LOKI__DELIVERY=direct, which has no TLS", self.url.scheme()),
                expected: "an http URL, or LOKI__DELIVERY=buffered".to_owned(),
            });
        }
        Ok(())
    }
}
