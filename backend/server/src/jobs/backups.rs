//! The jobs `database_backup` and `backup_retention`: the database as a file in `DATA__DIR/backups`, and how many stay.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::app::App;
use crate::backup;
use crate::error::{Error, Result};
use crate::events::backup::DatabaseSaved;

/// Saves the database. Returns what was written.
pub(super) async fn back_up(app: &App) -> Result<Value> {
    let folder = backup::folder(&app.config);
    let saved = backup::save_database(&app.config, &app.database, &folder).await.map_err(Error::Internal)?;
    DatabaseSaved { file: &saved.path, size_bytes: saved.size_bytes }.emit();
    Ok(json!({ "file": saved.path, "size_bytes": saved.size_bytes, "sha256": saved.sha256 }))
}

/// Removes all but the newest `RETENTION__BACKUPS`. Returns how many.
pub(super) async fn remove_old(app: &App) -> Result<Value> {
    if !app.scheduler.is_settled() {
        // What is being written may look old.
        return Ok(json!({ "removed": 0, "skipped": "the clock has just jumped" }));
    }
    let (folder, keep) = (backup::folder(&app.config), app.config.retention.backups as usize);
    let removed = keep_newest(&folder, keep, app.config.jobs.backup_timeout).await?;
    Ok(json!({ "removed": removed }))
}

/// Removes the older backups with their checksums, and what saves that were cut off left for longer than one may take.
async fn keep_newest(folder: &Path, keep: usize, longest_save: Duration) -> Result<usize> {
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let (mut backups, mut rest) = (Vec::new(), Vec::new());
    while let Some(entry) = entries.next_entry().await? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if backup::is_saved_database(&name) {
            backups.push(name);
        } else if backup::is_left_over(&name) {
            let age = SystemTime::now().duration_since(entry.metadata().await?.modified()?).unwrap_or_default();
            rest.push((name, age));
        }
    }
    // The names begin with the time.
    backups.sort_unstable_by(|left, right| right.cmp(left));
    let old = backups.split_off(keep.min(backups.len()));
    for name in &old {
        tokio::fs::remove_file(folder.join(name)).await?;
        remove_if_there(&folder.join(backup::checksum_of(name))).await?;
    }
    for (name, _) in rest.iter().filter(|(_, age)| *age > longest_save) {
        let is_checksum_of_kept = backups.iter().any(|kept| backup::checksum_of(kept) == *name);
        if !is_checksum_of_kept {
            remove_if_there(&folder.join(name)).await?;
        }
    }
    Ok(old.len())
}

async fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_stay_with_their_checksums_and_nothing_foreign_is_touched() {
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
        assert_eq!(keep_newest(folder.path(), 2, Duration::from_secs(3_600)).await.unwrap(), 2);
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
        assert_eq!(keep_newest(&folder.path().join("none"), 2, Duration::ZERO).await.unwrap(), 0);
    }
}
