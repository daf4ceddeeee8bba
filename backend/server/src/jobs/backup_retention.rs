//! The job `backup_retention`: keeps the newest `RETENTION__BACKUPS` backups in `DATA__DIR/backups`.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Components;
use super::file_removal::FileRemoval;
use crate::backup;
use crate::config::JobsConfig;
use crate::error::{Error, Result};
use crate::leases::HEARTBEAT_TIMEOUT;
use crate::scheduler::{Job, Plan, RunContext, Scope};

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// The job.
pub(super) struct BackupRetention(pub(super) Components);

impl Job for BackupRetention {
    const NAME: &'static str = "backup_retention";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan { scope: Scope::Folder, ..Plan::every(INTERVAL, config) }
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let Components { config, lease_clock, stopping, .. } = &self.0;
        let removal = FileRemoval::begin(&context.metadata, stopping);
        if !lease_clock.can_judge(HEARTBEAT_TIMEOUT) {
            // What is being written may look old.
            context.metadata.set("skipped", "the clock has jumped or the database was away just now");
            return Ok(());
        }
        let (folder, keep) = (backup::folder(config), config.retention.backups as usize);
        keep_newest(&folder, keep, config.jobs.backup_timeout, removal).await
    }
}

/// Removes the older backups with their checksums, and what interrupted saves left for longer than one may take.
async fn keep_newest(folder: &Path, keep: usize, longest_save: Duration, mut removal: FileRemoval<'_>) -> Result<()> {
    let unavailable = || Error::folder("folder of backups");
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unavailable())?,
    };
    let (mut backups, mut rest) = (Vec::new(), Vec::new());
    while let Some(entry) = entries.next_entry().await.map_err(unavailable())? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if backup::is_saved_database(&name) {
            backups.push(name);
        } else if backup::is_left_over(&name) {
            // One that is gone meanwhile was finished, or removed with its backup.
            let Ok(modified) = entry.metadata().await.and_then(|metadata| metadata.modified()) else { continue };
            rest.push((name, SystemTime::now().duration_since(modified).unwrap_or_default()));
        }
    }
    // The names begin with the time.
    backups.sort_unstable_by(|left, right| right.cmp(left));
    let old = backups.split_off(keep.min(backups.len()));
    for name in old {
        if removal.is_interrupted() {
            break;
        }
        if removal.remove(&folder.join(&name)).await {
            removal.remove_uncounted(&folder.join(backup::checksum_of(&name))).await;
        }
    }
    for (name, _) in rest.iter().filter(|(_, age)| *age > longest_save) {
        let is_checksum_of_kept = backups.iter().any(|kept| backup::checksum_of(kept) == *name);
        if !is_checksum_of_kept {
            removal.remove_uncounted(&folder.join(name)).await;
        }
    }
    removal.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::scheduler::JobMetadata;

    async fn keep_two(folder: &Path) -> (Result<()>, serde_json::Value) {
        let (metadata, stopping) = (JobMetadata::default(), CancellationToken::new());
        let removal = FileRemoval::begin(&metadata, &stopping);
        let kept = keep_newest(folder, 2, Duration::from_secs(3_600), removal).await;
        (kept, metadata.snapshot().into())
    }

    #[tokio::test]
    async fn the_newest_stay_and_nothing_foreign_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=4).map(|day| format!("belfry-2026030{day}T030000.000Z.db")).collect();
        for name in &names {
            std::fs::write(folder.path().join(name), "").unwrap();
            std::fs::write(folder.path().join(format!("{name}.sha256")), "").unwrap();
        }
        let stale = SystemTime::now() - Duration::from_secs(7_200);
        for (name, modified) in [("stale", stale), ("fresh", SystemTime::now())] {
            let path = folder.path().join(format!("belfry-20260305T03000{name}.db.partial"));
            std::fs::File::create(path).unwrap().set_modified(modified).unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let (kept, recorded) = keep_two(folder.path()).await;
        kept.unwrap();
        assert_eq!(recorded, json!({ "removed": 2 }));
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let expected = [
            "belfry-20260303T030000.000Z.db",
            "belfry-20260303T030000.000Z.db.sha256",
            "belfry-20260304T030000.000Z.db",
            "belfry-20260304T030000.000Z.db.sha256",
            "belfry-20260305T03000fresh.db.partial",
            "notes.txt",
        ];
        assert_eq!(left, expected);
        keep_two(&folder.path().join("none")).await.0.unwrap();
    }

    #[tokio::test]
    async fn a_stuck_backup_fails_the_run_after_the_others_went() {
        let folder = tempfile::tempdir().unwrap();
        for day in 1..=5 {
            let path = folder.path().join(format!("belfry-2026030{day}T030000.000Z.db"));
            // A folder cannot be removed as a file can.
            if day == 2 { std::fs::create_dir(path).unwrap() } else { std::fs::write(path, "").unwrap() }
        }
        let (kept, recorded) = keep_two(folder.path()).await;
        let message = crate::error::chain(&kept.unwrap_err());
        assert!(message.contains("old files that could not be removed: 1"), "{message}");
        assert_eq!(recorded, json!({ "removed": 2, "failed": 1 }));
    }
}
