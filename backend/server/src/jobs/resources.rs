//! The job `resource_check`: holds disk and memory against their thresholds, as `/healthz` does, and raises or resolves
//! an alert for each. The alert's source says of which data folder's machine.

use serde_json::{Value, json};

use super::Job;
use crate::alerts::{self, Finding, Severity};
use crate::app::App;
use crate::error::{Error, Result};
use crate::health::resources::{Level, Usage};

/// Checks both. Returns how much of each is in use.
pub(super) async fn check(app: &App) -> Result<Value> {
    let thresholds = &app.config.alerts;
    let disk = Usage::of_disk(&app.config.data.dir, thresholds.threshold_disk).map_err(unread)?;
    let memory = Usage::of_memory(thresholds.threshold_memory).map_err(unread)?;
    judge(app, "DiskAlmostFull", "The disk of the data folder is almost full.", &disk).await?;
    judge(app, "MemoryAlmostFull", "The memory is almost used up.", &memory).await?;
    Ok(json!({ "disk_used_percent": disk.used_percent(), "memory_used_percent": memory.used_percent() }))
}

async fn judge(app: &App, name: &str, summary: &str, usage: &Usage) -> Result<()> {
    let source = &app.scheduler.of(Job::ResourceCheck).plan.row;
    let severity = match usage.level() {
        Level::Ok => return alerts::resolve(&app.database, name, source).await,
        Level::Warning => Severity::Warning,
        Level::Error => Severity::Critical,
    };
    let description = format!("{usage}; the threshold is {} %", usage.warning_percent);
    alerts::raise(&app.database, Finding { name, severity, summary, description: &description, source }).await
}

fn unread(message: String) -> Error {
    Error::Internal(anyhow::anyhow!("disk or memory {message}"))
}
