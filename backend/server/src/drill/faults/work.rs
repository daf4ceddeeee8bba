//! Uploads, training runs, predictions and jobs fail.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::Scene;
use crate::drill::services::IRIS;
use crate::drill::stack::eventually;

/// How long the backend may take for one piece of work.
const WORK_LIMIT: Duration = Duration::from_secs(60);

fn settings(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// Knows the algorithm that ends as it is told to, which the API refuses otherwise.
pub fn fake_runs(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    settings(&[&[("TRAINING__ALLOW_FAKE", "true")], more].concat())
}

pub fn no_worker() -> Vec<(&'static str, String)> {
    settings(&[("TRAINING__WORKERS", "0"), ("TRAINING__MAX_QUEUED", "1")])
}

pub fn frequent_backups() -> Vec<(&'static str, String)> {
    settings(&[("JOBS__BACKUP_SCHEDULE", "2s"), ("JOBS__RETRIES", "0")])
}

pub fn frequent_cleanup() -> Vec<(&'static str, String)> {
    settings(&[("CLEANUP__INTERVAL", "1s"), ("RETENTION__MIN_TTL", "1s")])
}

pub async fn datasets_not_writable(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    // Not the whole store, which the service would not be ready without.
    let folder = backend.data.join("files/datasets");
    if folder.exists() {
        std::fs::rename(&folder, backend.data.join("files/elsewhere"))?;
    }
    std::fs::write(&folder, "in the way")?;
    loop {
        let upload = backend.request(Method::POST, "/api/v1/datasets").header("content-type", "text/csv");
        upload.body(IRIS).send().await?;
        if scene.pause(Duration::from_millis(500)).await {
            break;
        }
    }
    Ok(std::fs::remove_file(folder)?)
}

pub async fn models_damaged(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    let dataset = backend.upload(IRIS, "").await?;
    let run = backend.submit(&dataset, "logistic_regression", &json!({})).await?;
    let path = format!("/api/v1/runs/{run}");
    eventually("the run has completed", WORK_LIMIT, || async {
        let Ok(answer) = backend.get(&path).await else { return false };
        answer.json::<serde_json::Value>().await.is_ok_and(|run| run["status"] == "completed")
    })
    .await?;
    for file in std::fs::read_dir(backend.data.join("files/models"))? {
        std::fs::write(file?.path(), "{}")?;
    }
    let row = json!({ "sepal_length_cm": 1, "sepal_width_cm": 1, "petal_length_cm": 1, "petal_width_cm": 1 });
    loop {
        backend.request(Method::POST, &format!("{path}/predict")).json(&json!({ "rows": [row] })).send().await?;
        if scene.pause(Duration::from_millis(150)).await {
            return Ok(());
        }
    }
}

/// Runs that behave like this, one after the other.
pub async fn runs(scene: &mut Scene<'_>, behaviour: &str) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    let dataset = backend.upload(IRIS, "").await?;
    loop {
        backend.submit(&dataset, "fake", &json!({ "behaviour": behaviour, "n_steps": 100_000 })).await?;
        if scene.pause(Duration::from_millis(1_500)).await {
            return Ok(());
        }
    }
}

pub async fn queue(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    let dataset = backend.upload(IRIS, "").await?;
    let waiting = backend.submit(&dataset, "random_forest", &json!({})).await?;
    let another = json!({ "dataset_id": dataset, "target": "species" });
    loop {
        backend.request(Method::POST, "/api/v1/runs").json(&another).send().await?;
        if scene.pause(Duration::from_millis(200)).await {
            break;
        }
    }
    backend.post(&format!("/api/v1/runs/{waiting}/cancel"), &json!({})).await?;
    Ok(())
}

pub async fn backup_fails(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let folder = scene.services.backend.data.join("backups");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::write(&folder, "in the way")?;
    scene.until_fired().await;
    Ok(std::fs::remove_file(folder)?)
}

pub async fn files_not_removable(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    let mut folders: Vec<PathBuf> = Vec::new();
    for _ in 0..6 {
        let dataset = backend.upload(IRIS, "?ttl_seconds=3").await?;
        let file = backend.data.join("files/datasets").join(dataset);
        std::fs::remove_file(&file)?;
        std::fs::create_dir_all(file.join("in the way"))?;
        folders.push(file);
    }
    scene.until_fired().await;
    for folder in folders {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
