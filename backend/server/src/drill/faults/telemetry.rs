//! Logs, spans and datagrams find nobody to take them.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::net::UdpSocket;

use super::Scene;
use crate::drill::programs::free_port;
use crate::drill::receiver::Receiver;
use crate::drill::services::IRIS;

pub fn loki(receiver: &Receiver) -> Vec<(&'static str, String)> {
    vec![("LOKI__ENABLED", "true".to_owned()), ("LOKI__URL", receiver.url(""))]
}

pub fn collector() -> anyhow::Result<Vec<(&'static str, String)>> {
    let endpoint = format!("http://127.0.0.1:{}", free_port()?);
    Ok(vec![("TRACING__ENABLED", "true".to_owned()), ("TRACING__ENDPOINT", endpoint)])
}

pub fn statsd() -> anyhow::Result<Vec<(&'static str, String)>> {
    let address = format!("127.0.0.1:{}", free_port()?);
    Ok(vec![
        ("STATSD__ENABLED", "true".to_owned()),
        ("STATSD__ADDRESS", address),
        ("STATSD__INTERVAL", "500ms".to_owned()),
    ])
}

pub async fn loki_refuses(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.stack.receiver.fail_with(Some((StatusCode::BAD_REQUEST, Duration::ZERO)));
    uploads(scene).await?;
    scene.stack.receiver.fail_with(Some((StatusCode::NO_CONTENT, Duration::ZERO)));
    Ok(())
}

pub async fn spans_without_collector(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    uploads(scene).await?;
    // Probes make spans too, so that losses would not cease otherwise.
    scene.services.backend.kill().await?;
    scene.services.backend.start(&[("TRACING__ENABLED", "false")]).await
}

pub async fn statsd_away(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let address = scene.services.backend.setting("STATSD__ADDRESS");
    scene.until_fired().await;
    // Nobody reads: what counts is that the system takes the datagrams. Kept until the alert has resolved.
    scene.services.agent = Some(UdpSocket::bind(address).await?);
    Ok(())
}

/// Each makes a span and a line of the log.
async fn uploads(scene: &Scene<'_>) -> anyhow::Result<()> {
    loop {
        scene.services.backend.upload(IRIS, "").await?;
        if scene.pause(Duration::from_millis(200)).await {
            return Ok(());
        }
    }
}
