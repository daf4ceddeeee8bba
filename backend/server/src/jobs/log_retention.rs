//! The job `log_retention`: removes log files of this program that are too old, and nothing else in their folder.

use std::path::Path;
use std::time::Duration;

use belfry_telemetry::logs;
use jiff::{Span, Timestamp};

use super::Components;
use super::file_removal::FileRemoval;
use crate::config::{JobsConfig, SERVICE};
use crate::error::{Error, Result};
use crate::scheduler::{Job, Plan, RunContext, Scope};

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// The job.
pub(super) struct LogRetention(pub(super) Components);

impl Job for LogRetention {
    const NAME: &'static str = "log_retention";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan { scope: Scope::Folder, ..Plan::every(INTERVAL, config) }
    }

    fn disabled_reason(&self) -> Option<String> {
        let is_disabled = self.0.config.telemetry.log.dir.is_none();
        is_disabled.then(|| "LOG__DIR is not set, so there are no log files".to_owned())
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let Components { config, stopping, .. } = &self.0;
        let Some(folder) = &config.telemetry.log.dir else { return Ok(()) };
        let days = Span::new().days(i64::from(config.retention.log_days));
        let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let oldest = today.checked_sub(days).map_err(|error| Error::Internal(error.into()))?.to_string();
        context.metadata.set("oldest_kept", oldest.as_str());
        remove_before(folder, &oldest, FileRemoval::begin(&context.metadata, stopping)).await
    }
}

/// `oldest` is the first day that is kept.
async fn remove_before(folder: &Path, oldest: &str, mut removal: FileRemoval<'_>) -> Result<()> {
    let unavailable = || Error::folder("folder of log files");
    let mut entries = tokio::fs::read_dir(folder).await.map_err(unavailable())?;
    while !removal.is_interrupted()
        && let Some(entry) = entries.next_entry().await.map_err(unavailable())?
    {
        let name = entry.file_name();
        // Dates as text are in the order of time.
        let is_old = name.to_str().and_then(|name| logs::date_of(SERVICE, name)).is_some_and(|date| date < oldest);
        if is_old && entry.file_type().await.is_ok_and(|kind| kind.is_file()) {
            removal.remove(&entry.path()).await;
        }
    }
    removal.finish()
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::scheduler::JobMetadata;

    #[tokio::test]
    async fn only_log_files_that_are_too_old_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let stay = ["belfry.2026-03-02.jsonl", "belfry.2026-03-03.jsonl", "notes.2020-01-01.jsonl", "belfry.db"];
        for name in stay.into_iter().chain(["belfry.2026-03-01.jsonl", "belfry.2025-12-31.jsonl"]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("belfry.2019-01-01.jsonl")).unwrap();
        let (metadata, stopping) = (JobMetadata::default(), CancellationToken::new());
        remove_before(folder.path(), "2026-03-02", FileRemoval::begin(&metadata, &stopping)).await.unwrap();
        assert_eq!(metadata.snapshot()["removed"], 2);
        for name in stay {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }
}
