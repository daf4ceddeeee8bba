//! The jobs `database_backup` and `backup_retention`: the database as a file in `DATA__DIR/backups`, and how many stay.

use std::path::Path;
use std::time::{Duration, SystemTime};

use belfry_telemetry::jobs::JobMetadata as Notes;

use crate::backup;
use crate::error::{Error, Result};
use crate::events::backup::DatabaseSaved;
use crate::state::App;

use super::removal::Removal;

/// Saves the database.
pub(super) async fn back_up(app: &App, notes: &Notes) -> Result<()> {
    let folder = backup::folder(&app.config);
    let saved = backup::save_database(&app.config, &app.database, &folder).await.map_err(Error::Internal)?;
    DatabaseSaved { file: &saved.path, size_bytes: saved.size_bytes }.emit();
    notes.set("file", saved.path);
    notes.set("size_bytes", saved.size_bytes);
    notes.set("sha256", saved.sha256);
    Ok(())
}

/// Removes all but the newest `RETENTION__BACKUPS`.
pub(super) async fn remove_old(app: &App, notes: &Notes) -> Result<()> {
    let removal = Removal::begin(notes, &app.stopping);
    if !app.scheduler.is_settled() {
        // What is being written may look old.
        notes.set("skipped", "the clock has jumped or the database was away just now");
        return Ok(());
    }
    let (folder, keep) = (backup::folder(&app.config), app.config.retention.backups as usize);
    keep_newest(&folder, keep, app.config.jobs.backup_timeout, removal).await
}

/// Removes the older backups with their checksums, and what saves that were cut off left for longer than one may take.
async fn keep_newest(folder: &Path, keep: usize, longest_save: Duration, mut removal: Removal<'_>) -> Result<()> {
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let (mut backups, mut rest) = (Vec::new(), Vec::new());
    while let Some(entry) = entries.next_entry().await? {
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
            removal.remove_silently(&folder.join(backup::checksum_of(&name))).await;
        }
    }
    for (name, _) in rest.iter().filter(|(_, age)| *age > longest_save) {
        let is_checksum_of_kept = backups.iter().any(|kept| backup::checksum_of(kept) == *name);
        if !is_checksum_of_kept {
            removal.remove_silently(&folder.join(name)).await;
        }
    }
    removal.end()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::Executor;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::Config;
    use crate::database::Database;

    async fn keep_two(folder: &Path) -> (Result<()>, serde_json::Value) {
        let (notes, stopping) = (Notes::default(), CancellationToken::new());
        let removal = Removal::begin(&notes, &stopping);
        let kept = keep_newest(folder, 2, Duration::from_secs(3_600), removal).await;
        (kept, notes.snapshot().into())
    }

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
        let (kept, noted) = keep_two(folder.path()).await;
        kept.unwrap();
        assert_eq!(noted, json!({ "removed": 2 }));
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
    async fn a_save_that_was_given_up_does_no_harm_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read([("DATA__DIR".to_owned(), folder.path().display().to_string())]).unwrap();
        let database = Database::open(&config).await.unwrap();
        database.pool.execute("CREATE TABLE ballast AS SELECT randomblob(64000000) AS content").await.unwrap();
        let saves = backup::folder(&config);
        let first = backup::save_database(&config, &database, &saves);
        assert!(tokio::time::timeout(Duration::from_millis(20), first).await.is_err(), "it is too quick for this test");
        // SQLite still writes what nobody waits for.
        let saved = backup::save_database(&config, &database, &saves).await.unwrap();
        let whole = std::fs::read_dir(&saves).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let whole: Vec<_> = whole.filter(|name| backup::is_saved_database(name)).collect();
        assert_eq!(whole, std::slice::from_ref(&saved.path));
        let copy = Database::open_file(&saves.join(&saved.path)).await.unwrap();
        let query = sqlx::query_scalar("SELECT length(content) FROM ballast");
        let length: i64 = query.fetch_one(&copy.pool).await.unwrap();
        assert_eq!(length, 64_000_000);
    }

    #[tokio::test]
    async fn a_backup_that_cannot_be_removed_fails_the_run_after_the_others_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        for day in 1..=5 {
            let path = folder.path().join(format!("belfry-2026030{day}T030000.000Z.db"));
            // A folder cannot be removed as a file can.
            if day == 2 { std::fs::create_dir(path).unwrap() } else { std::fs::write(path, "").unwrap() }
        }
        let (kept, noted) = keep_two(folder.path()).await;
        let message = crate::error::chain(&kept.unwrap_err());
        assert!(message.contains("old files that could not be removed: 1"), "{message}");
        assert_eq!(noted, json!({ "removed": 2, "failed": 1 }));
    }
}
