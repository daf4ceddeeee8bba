//! Other services fail, refuse, are slow, or are not there.

use std::time::Duration;

use reqwest::StatusCode;

use super::Scene;
use crate::drill::programs::free_port;
use crate::drill::receiver::Receiver;

/// Longer than a report of the checks is given again.
const BETWEEN_CHECKS: Duration = Duration::from_millis(1_100);

pub fn ai_settings(receiver: &Receiver) -> Vec<(&'static str, String)> {
    vec![
        ("AI__ENABLED", "true".to_owned()),
        ("AI__BASE_URL", receiver.url("/fails")),
        ("AI__API_KEY", "known-to-the-drill".to_owned()),
        ("AI__MODEL", "of-the-drill".to_owned()),
    ]
}

pub fn unreachable_prometheus() -> anyhow::Result<Vec<(&'static str, String)>> {
    Ok(vec![("PROMETHEUS__URL", format!("http://127.0.0.1:{}", free_port()?))])
}

/// The AI provider answers with each of these statuses in turn, after this time, as often as the health check asks.
pub async fn answering(scene: &mut Scene<'_>, statuses: &[StatusCode], after: Duration) -> anyhow::Result<()> {
    for status in statuses.iter().cycle() {
        scene.stack.receiver.fail_with(Some((*status, after)));
        scene.services.backend.get("/health").await?;
        if scene.pause(BETWEEN_CHECKS).await {
            break;
        }
    }
    scene.stack.receiver.fail_with(None);
    // So that it is not left to the next check of its own.
    tokio::time::sleep(BETWEEN_CHECKS).await;
    scene.services.backend.get("/health").await?;
    Ok(())
}

/// Somebody looks at dashboards.
pub async fn viewer_queries(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    loop {
        scene.services.backend.get("/api/v1/query/prometheus/query?query=up").await?;
        if scene.pause(Duration::from_millis(500)).await {
            return Ok(());
        }
    }
}
