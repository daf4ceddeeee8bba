//! Files that no row knows.
//!
//! A file is older than it looks to be complete: a bucket dates it by the beginning of its upload, a folder by its last
//! byte, which may be long before it is on the disk. Its row comes seconds after it appears. So a file that is old enough
//! and unknown is looked at once more after a while, and goes if it is still unknown.

use std::collections::HashSet;
use std::time::Duration;

use belfry_telemetry::jobs::JobMetadata as Notes;
use futures::StreamExt;
use sqlx::AssertSqlSafe;

use super::Failures;
use crate::error::Result;
use crate::state::App;

/// Files asked about with one statement, and kept in memory between the two looks.
const BATCH: usize = 500;

/// Between the two looks; a row that is not there by then was given up by whoever wrote the file.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// A folder of the store, and what of its keys rows know.
struct Folder {
    name: &'static str,
    known: Option<&'static str>,
}

const FOLDERS: [Folder; 3] = [
    Folder { name: "datasets", known: Some("SELECT storage_key FROM datasets WHERE storage_key IN") },
    Folder { name: "models", known: Some("SELECT model_key FROM runs WHERE model_key IN") },
    // A health probe removes its own file; one that is still here was interrupted.
    Folder { name: "probes", known: None },
];

/// Removes them, and what was left half-written.
///
/// # Errors
/// The database's. What cannot be removed is counted among the failures.
pub(super) async fn sweep(app: &App, notes: &Notes, failures: &mut Failures) -> Result<()> {
    for folder in &FOLDERS {
        match app.storage.remove_abandoned(folder.name, app.config.cleanup.orphan_grace).await {
            Ok(abandoned) => {
                notes.add("half_written", abandoned.removed);
                abandoned.failures.into_iter().try_for_each(|error| failures.note(error.into()))?;
            }
            Err(error) => failures.note(error.into())?,
        }
        let mut files = app.storage.list(folder.name).ready_chunks(BATCH);
        let mut unknown = Vec::new();
        while let Some(chunk) = files.next().await {
            let mut old = Vec::new();
            for file in chunk {
                match file {
                    Ok(file) if is_old(app, file.last_modified.timestamp()) => old.push(file.location.to_string()),
                    Ok(_) => {}
                    Err(error) => failures.note(error.into())?,
                }
            }
            unknown.extend(without_known(app, folder, old).await?);
            if unknown.len() >= BATCH {
                remove(app, folder, std::mem::take(&mut unknown), notes, failures).await?;
            }
            if app.stopping.is_cancelled() {
                return Ok(());
            }
        }
        remove(app, folder, unknown, notes, failures).await?;
    }
    Ok(())
}

fn is_old(app: &App, last_modified: i64) -> bool {
    let age = jiff::Timestamp::now().as_second() - last_modified;
    age >= app.config.cleanup.orphan_grace.as_secs().cast_signed()
}

/// Leaves out what rows know.
async fn without_known(app: &App, folder: &Folder, mut keys: Vec<String>) -> Result<Vec<String>> {
    let Some(known) = folder.known.filter(|_| !keys.is_empty()) else { return Ok(keys) };
    let places: Vec<String> = (1..=keys.len()).map(|number| format!("${number}")).collect();
    let sql = format!("{known} ({})", places.join(", "));
    let mut query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).persistent(false);
    for key in &keys {
        query = query.bind(key);
    }
    let known: HashSet<String> = query.fetch_all(&app.database.pool).await?.into_iter().collect();
    keys.retain(|key| !known.contains(key));
    Ok(keys)
}

/// Removes those of these files that are still unknown after a while.
async fn remove(app: &App, folder: &Folder, keys: Vec<String>, notes: &Notes, failures: &mut Failures) -> Result<()> {
    if keys.is_empty() || app.stopping.run_until_cancelled(tokio::time::sleep(SECOND_LOOK)).await.is_none() {
        return Ok(());
    }
    for key in without_known(app, folder, keys).await? {
        if app.stopping.is_cancelled() {
            break;
        }
        match app.storage.delete(&key).await {
            Ok(()) => {
                notes.add("orphans", 1);
                tracing::warn!(key, "a file that no row knows was removed");
            }
            Err(error) => failures.note(error.into())?,
        }
    }
    Ok(())
}
