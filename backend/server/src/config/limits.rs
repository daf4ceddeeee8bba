//! `SERVER__*` beyond address, port and shutdown: what clients may cost, and which sites may use the API.

use std::time::Duration;

use axum::http::uri::Authority;
use belfry_telemetry::settings::{self, between, bytes_between, duration_between};
use clap::Args;

/// `SERVER__*`
#[derive(Args, Clone, Debug)]
pub struct LimitsConfig {
    /// Open connections of all clients together; a few more are taken for `/livez`, `/readyz` and `/metrics` alone, and
    /// anything else on those is answered 503.
    #[arg(id = "SERVER__MAX_CONNECTIONS", default_value = "512", value_parser = between(1_usize, 100_000))]
    pub max_connections: usize,
    /// Open connections of one client address (of IPv6, one /64 network); behind a proxy all clients have the proxy's.
    #[arg(id = "SERVER__MAX_CONNECTIONS_PER_ADDRESS", default_value = "256", value_parser = between(1_usize, 100_000))]
    pub max_connections_per_address: usize,
    /// Time from a request's first byte, or from connecting, to the end of its header.
    #[arg(id = "SERVER__HEADER_TIMEOUT", default_value = "10s", value_parser = duration_between("100ms", "1h"))]
    pub header_timeout: Duration,
    /// The largest header of a request, with its first line.
    #[arg(id = "SERVER__MAX_HEADER_BYTES", default_value = "16KiB", value_parser = bytes_between("1KiB", "64KiB"))]
    pub max_header_bytes: u64,
    /// How long a connection stays open between two requests. Should be longer than the same time of a proxy in front, which
    /// would otherwise send a request on a connection that is just being closed.
    #[arg(id = "SERVER__IDLE_TIMEOUT", default_value = "75s", value_parser = duration_between("100ms", "1h"))]
    pub idle_timeout: Duration,
    /// Each such time of waiting for a request's body must bring SERVER__MIN_BODY_RATE. A JSON body that takes longer in all
    /// loses its memory when others need it. At least UPLOAD__IDLE_TIMEOUT.
    #[arg(id = "SERVER__BODY_TIMEOUT", default_value = "30s", value_parser = duration_between("100ms", "1h"))]
    pub body_timeout: Duration,
    /// The least that a request body must bring per second, on average over SERVER__BODY_TIMEOUT.
    #[arg(id = "SERVER__MIN_BODY_RATE", default_value = "1KiB", value_parser = bytes_between("1B", "1TiB"))]
    pub min_body_rate: u64,
    /// A connection is cut whose client takes less of what waits for it in this time than SERVER__MIN_RESPONSE_RATE.
    #[arg(id = "SERVER__WRITE_TIMEOUT", default_value = "30s", value_parser = duration_between("100ms", "1h"))]
    pub write_timeout: Duration,
    /// The least that a client must take of a response per second, on average over SERVER__WRITE_TIMEOUT.
    #[arg(id = "SERVER__MIN_RESPONSE_RATE", default_value = "1KiB", value_parser = bytes_between("1B", "1TiB"))]
    pub min_response_rate: u64,
    /// Memory for all JSON bodies together while they come in, the first 16 KiB of each not counted; further ones are
    /// answered 503 with Retry-After. Bodies of billing events, which anybody can send, share an eighth of as much besides.
    #[arg(id = "SERVER__MAX_BUFFERED_BYTES", default_value = "32MiB", value_parser = bytes_between("2MiB", "1TiB"))]
    pub max_buffered_bytes: u64,
    /// Names by which clients may call this server, separated by commas, besides IP addresses, `localhost` and names below
    /// it; `*` allows any. Another `Host` is answered 421, since a web page can point a name of its own at this address.
    #[arg(id = "SERVER__ALLOWED_HOSTS", default_value = "", value_parser = host_names)]
    pub allowed_hosts: HostNames,
    /// Origins of web pages that may use the API, separated by commas, such as https://app.example; unset: none but its own.
    #[arg(id = "SERVER__CORS_ORIGINS", default_value = "", value_parser = origins)]
    pub cors_origins: Origins,
}

/// `SERVER__ALLOWED_HOSTS`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames {
    /// Any name is allowed.
    pub any: bool,
    /// The names, in lower case, without ports.
    pub names: Vec<String>,
}

/// `SERVER__CORS_ORIGINS`, as browsers write them: in lower case, without a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub Vec<String>);

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn host_names(text: &str) -> Result<HostNames, String> {
    let mut hosts = HostNames::default();
    for item in items(text) {
        let is_name = |name: &str| name.parse::<Authority>().is_ok_and(|authority| authority.host() == name);
        match item {
            "*" => hosts.any = true,
            name if is_name(name) => hosts.names.push(name.trim_end_matches('.').to_ascii_lowercase()),
            _ => return Err("host names without ports, separated by commas, or *".to_owned()),
        }
    }
    Ok(hosts)
}

fn origins(text: &str) -> Result<Origins, String> {
    let origin = |item: &str| {
        let url = settings::http_url(item).ok()?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !item.ends_with('/');
        (is_bare && url.username().is_empty() && url.password().is_none()).then(|| url.origin().ascii_serialization())
    };
    let all = items(text).map(origin).collect::<Option<Vec<String>>>();
    all.map(Origins).ok_or_else(|| "origins such as https://app.example, separated by commas".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_without_ports() {
        let hosts = host_names("backend, Example.COM.,").unwrap();
        assert_eq!(hosts, HostNames { any: false, names: vec!["backend".into(), "example.com".into()] });
        assert!(host_names("a, *").unwrap().any);
        for wrong in ["a:80", "http://a", "a b", "user@a"] {
            assert!(host_names(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let found = origins("https://App.example,http://localhost:3000").unwrap();
        assert_eq!(found.0, ["https://app.example", "http://localhost:3000"]);
        for wrong in ["*", "app.example", "https://app.example/", "https://app.example/x", "ftp://a", "null"] {
            assert!(origins(wrong).is_err(), "{wrong}");
        }
    }
}
