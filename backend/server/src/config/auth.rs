//! `AUTH__*`: who may use the API.

use std::net::IpAddr;
use std::path::PathBuf;

use belfry_telemetry::settings::{self, between};
use clap::{ArgAction, Args, ValueEnum};

/// How callers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// Not at all: whoever reaches the server may do everything.
    Off,
    /// By their keys.
    Keys,
}

/// `AUTH__*`
#[derive(Args, Clone, Debug)]
pub struct AuthConfig {
    /// `off`: whoever reaches this server may do everything; or `keys`: the API takes requests with a key only.
    #[arg(id = "AUTH__MODE", default_value = "off")]
    pub mode: AuthMode,
    /// File with a key of all scopes, of 32 to 512 visible ASCII characters, that nobody but its owner and group may read; unset:
    /// a first start without an admin key writes a one-time token for one to standard error.
    #[arg(id = "AUTH__ADMIN_KEY_FILE")]
    pub admin_key_file: Option<PathBuf>,
    /// Whether AUTH__MODE=off may be used on an address that other machines reach.
    #[arg(id = "AUTH__ALLOW_ANONYMOUS", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub allow_anonymous: bool,
    /// The address on which clients find this server, where that is not SERVER__HOST, as in a container.
    #[arg(id = "AUTH__PUBLISHED_ON", value_parser = address)]
    pub published_on: Option<IpAddr>,
    /// Refused keys in a minute, of one client address (of IPv6, one /64 network), after which its unknown keys are answered 429
    /// for the rest of that minute; behind a proxy all clients have the proxy's.
    #[arg(id = "AUTH__MAX_FAILURES", default_value = "30", value_parser = between(1_u32, 100_000))]
    pub max_failures: u32,
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "an IP address such as 127.0.0.1".to_owned())
}
