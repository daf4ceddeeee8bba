//! The settings of the log delivery, which are known without the feature `loki` too, so that switching it on is refused.

use clap::Args;
use url::Url;

use crate::settings::{self, Secret, between};

/// Logs to Loki.
#[derive(Args, Clone, Debug)]
pub struct LokiSettings {
    /// Whether log events are also sent to Loki.
    #[arg(id = "LOKI__ENABLED", default_value = "false", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// Where Loki listens.
    #[arg(id = "LOKI__URL", default_value = "http://127.0.0.1:3100", value_parser = settings::http_url)]
    pub url: Url,
    /// Sent as `Authorization: Bearer <token>`, where a proxy in front of Loki requires one.
    #[arg(id = "LOKI__BEARER_TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub bearer_token: Secret,
    /// Sent as `X-Scope-OrgID`, where Loki has several tenants.
    #[arg(id = "LOKI__TENANT", default_value = "")]
    pub tenant: String,
    /// Events that may wait while Loki is away; further ones are dropped and counted.
    #[arg(id = "LOKI__QUEUE", default_value = "10000", value_parser = between(1_usize, 10_000_000))]
    pub queue: usize,
}
