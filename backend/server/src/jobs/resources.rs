//! The job `resource_check`: holds disk and memory against their thresholds, as `/healthz` does, and raises or resolves
//! an alert for each. The alert's source says of which data folder's machine.

use belfry_telemetry::jobs::JobMetadata as Notes;

use super::Job;
use crate::alerts::{self, Finding, Severity};
use crate::error::{Error, Result};
use crate::health::resources::{Level, Usage};
use crate::state::App;

/// Checks both, also when one cannot be read.
pub(super) async fn check(app: &App, notes: &Notes) -> Result<()> {
    let (disk, memory) = tokio::join!(app.resources.disk(), app.resources.memory());
    if let Ok(disk) = &disk {
        notes.set("disk_used_percent", disk.used_percent());
        judge(app, "DiskAlmostFull", "The disk of the data folder is almost full.", disk).await?;
    }
    if let Ok(memory) = &memory {
        notes.set("memory_used_percent", memory.used_percent());
        judge(app, "MemoryAlmostFull", "The memory is almost used up.", memory).await?;
    }
    let disk = disk.map_err(|message| format!("disk: {message}"));
    disk.and(memory.map_err(|message| format!("memory: {message}")))
        .map(drop)
        .map_err(|message| Error::Internal(anyhow::anyhow!(message)))
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
