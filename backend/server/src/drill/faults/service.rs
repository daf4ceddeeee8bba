//! The service dies, is not ready, cannot be measured, or does not stay up.

use std::time::Duration;

use super::Scene;

pub async fn killed(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.services.backend.kill().await?;
    scene.until_fired().await;
    scene.services.backend.start(&[]).await
}

pub async fn database_moved(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let data = &scene.services.backend.data;
    let (here, elsewhere) = (data.join("belfry.db"), data.join("elsewhere"));
    std::fs::rename(&here, &elsewhere)?;
    scene.until_fired().await;
    Ok(std::fs::rename(elsewhere, here)?)
}

pub async fn wrong_token(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.services.backend.kill().await?;
    scene.services.backend.start(&[("PROMETHEUS__BEARER_TOKEN", "known-to-nobody-else")]).await?;
    scene.until_fired().await;
    scene.services.backend.kill().await?;
    scene.services.backend.start(&[]).await
}

pub async fn restarting(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    loop {
        scene.services.backend.kill().await?;
        scene.services.backend.start(&[]).await?;
        // Time for two scrapes.
        if scene.pause(Duration::from_secs(3)).await {
            return Ok(());
        }
    }
}
