//! Parts of the monitoring die, cannot read their files, or do not reach one another.

use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::Signal;

use super::Scene;
use crate::drill::programs::free_port;

/// Each series of `up` matches each other, which cannot be evaluated.
const BAD_RULE: &str = "groups:\n  - name: drill\n    rules:\n      - record: drill\n        expr: up + on () up\n";

const NO_YAML: &str = "{ this is no YAML\n";

pub async fn exporter_killed(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.services.kill_blackbox().await?;
    scene.until_fired().await;
    scene.services.start_blackbox()
}

pub async fn exporter_restarting(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    loop {
        scene.services.kill_blackbox().await?;
        scene.services.start_blackbox()?;
        // Time for its start and two scrapes.
        if scene.pause(Duration::from_secs(4)).await {
            return Ok(());
        }
    }
}

pub async fn bad_rule(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let file = scene.stack.folder().join("rules/drill.yml");
    std::fs::write(&file, BAD_RULE)?;
    scene.stack.prometheus.signal(Signal::HUP)?;
    scene.until_fired().await;
    std::fs::remove_file(file)?;
    scene.stack.prometheus.signal(Signal::HUP)
}

pub async fn broken_files(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let folder = scene.stack.folder();
    let targets = folder.join("targets/broken.yml");
    std::fs::write(&targets, NO_YAML)?;
    let configurations = [folder.join("prometheus.yml"), folder.join("alertmanager.yml")];
    let sound = configurations.each_ref().map(std::fs::read_to_string);
    for file in &configurations {
        std::fs::write(file, NO_YAML)?;
    }
    reload(scene)?;
    scene.until_fired().await;
    for (file, text) in configurations.iter().zip(sound) {
        std::fs::write(file, text?)?;
    }
    std::fs::remove_file(targets)?;
    reload(scene)
}

fn reload(scene: &Scene<'_>) -> anyhow::Result<()> {
    scene.stack.prometheus.signal(Signal::HUP)?;
    scene.stack.alertmanager.signal(Signal::HUP)
}

pub async fn second_alertmanager(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let file = scene.stack.folder().join("targets/alertmanagers/second.yml");
    std::fs::write(&file, format!("- targets: ['127.0.0.1:{}']\n", free_port()?))?;
    scene.until_fired().await;
    Ok(std::fs::remove_file(file)?)
}

/// `Watchdog` is delivered all the time, so there is always something to refuse.
pub async fn receiver_refuses(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.stack.receiver.fail_with(Some((StatusCode::BAD_REQUEST, Duration::ZERO)));
    scene.until_fired().await;
    scene.stack.receiver.fail_with(None);
    Ok(())
}
