//! The job `resource_check`: holds disk and memory against their thresholds, as `/healthz` does, and raises or resolves
//! an alert for each. The alert's source says of which data folder's machine.

use super::Components;
use crate::components::alerts::{Alerts, Finding};
use crate::config::JobsConfig;
use crate::error::{Error, Result};
use crate::labels::Severity;
use crate::resources::{Level, Usage};
use crate::scheduler::{Job, Plan, RunContext, Scope};

/// As messages name it.
const COMPONENT: &str = "resources";

/// The job.
pub(super) struct ResourceCheck(pub(super) Components);

impl Job for ResourceCheck {
    const NAME: &'static str = "resource_check";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan { scope: Scope::Folder, ..Plan::new(config.resource_check_schedule.clone(), config) }
    }

    /// Checks both, also when one cannot be read.
    async fn run(&self, context: &RunContext) -> Result<()> {
        let Components { alerts, resources, .. } = &self.0;
        let (RunContext { job_row, metadata, .. }, (disk, memory)) =
            (context, tokio::join!(resources.disk(), resources.memory()));
        if let Ok(disk) = &disk {
            metadata.set("disk_used_percent", disk.used_percent());
            let summary = "The disk of the data folder is almost full.";
            raise_or_resolve(alerts, job_row, "DiskAlmostFull", summary, disk).await?;
        }
        if let Ok(memory) = &memory {
            metadata.set("memory_used_percent", memory.used_percent());
            let summary = "The memory is almost used up.";
            raise_or_resolve(alerts, job_row, "MemoryAlmostFull", summary, memory).await?;
        }
        let disk = disk.map_err(|message| format!("disk: {message}"));
        disk.and(memory.map_err(|message| format!("memory: {message}")))
            .map(drop)
            .map_err(|message| Error::Internal(anyhow::anyhow!(message)))
    }
}

async fn raise_or_resolve(alerts: &Alerts, source: &str, name: &str, summary: &str, usage: &Usage) -> Result<()> {
    let severity = match usage.level() {
        Level::Ok => return alerts.resolve(COMPONENT, name, source).await,
        Level::Warning => Severity::Warning,
        Level::Error => Severity::Critical,
    };
    let description = format!("{usage}; the threshold is {} %", usage.warning_percent);
    let (component, description) = (COMPONENT, description.as_str());
    alerts.raise(Finding { name, severity, component, summary, description, source }).await
}
