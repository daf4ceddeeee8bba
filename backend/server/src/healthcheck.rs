//! `belfry healthcheck`: what a container's health check runs, since its image has no other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::Config;

const DEADLINE: Duration = Duration::from_secs(4);

/// Asks `/readyz` of the server that runs with the same settings.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let host = match config.server.host {
        IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    let url = format!("http://{}/readyz", std::net::SocketAddr::new(host, config.server.port));
    let client =
        belfry_telemetry::tls::http_client().no_proxy().timeout(DEADLINE).build().context("cannot build a client")?;
    let response = client.get(&url).send().await.with_context(|| format!("no answer from {url}"))?;
    if !response.status().is_success() {
        bail!("{url} answers {}: {}", response.status(), response.text().await.unwrap_or_default());
    }
    Ok(())
}
