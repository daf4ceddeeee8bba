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

/// Loki takes no longer one.
const MAX_TENANT_CHARACTERS: usize = 150;

fn tenant(text: &str) -> Result<String, String> {
    let usable = text.len() <= MAX_TENANT_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_graphic());
    if usable { Ok(text.to_owned()) } else { Err("a name of visible ASCII characters, 150 at most".to_owned()) }
}

impl LokiSettings {
    /// Refuses settings that are each fine and together wrong. An error when Loki is to be reached by https with a sender that
    /// has no TLS.
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
