//! Orphan files: those that no row references.
//!
//! The time of a file precedes its completion: a bucket uses the beginning of its upload, a folder its last write, which may be
//! long before it is synced. Its row is committed seconds after it appears. So a file that is old enough and has no row is
//! checked once more after a pause, and removed if it still has none.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use sqlx::AssertSqlSafe;

use super::{Components, Failures};
use crate::database::placeholders;
use crate::error::{Error, Result};
use crate::scheduler::JobMetadata;

/// Files of a folder looked up with one statement, and kept in memory between the two checks.
const BATCH: usize = 500;

/// The pause between the two checks; a row that is not there by then will not come.
const RECHECK_PAUSE: Duration = Duration::from_secs(5);

/// A folder of the store, and the query for those of its keys that rows reference.
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

/// Keys of files of a folder that have no row.
type Unknown = (&'static Folder, Vec<String>);

/// Removes orphan files and files left half-written.
///
/// # Errors
/// The database's. What cannot be removed is counted among the failures.
pub(super) async fn sweep(components: &Components, metadata: &JobMetadata, failures: &mut Failures) -> Result<()> {
    // Checked again together, after one pause.
    let mut last: Vec<Unknown> = Vec::new();
    for folder in &FOLDERS {
        match components.storage.remove_abandoned(folder.name, components.config.cleanup.orphan_grace).await {
            Ok(abandoned) => {
                metadata.add("half_written", abandoned.removed);
                abandoned.failures.into_iter().try_for_each(|error| failures.count(Error::Storage(error.into())))?;
            }
            Err(error) => failures.count(Error::Storage(error.into()))?,
        }
        let mut files = components.storage.list(folder.name).ready_chunks(BATCH);
        let mut unknown = Vec::new();
        while let Some(chunk) = files.next().await {
            let mut old = Vec::new();
            for file in chunk {
                match file {
                    Ok(file) if is_old(components, file.last_modified.timestamp()) => {
                        old.push(file.location.to_string())
                    }
                    Ok(_) => {}
                    Err(error) => failures.count(error.into())?,
                }
            }
            unknown.extend(without_known(components, folder, old).await?);
            if unknown.len() >= BATCH {
                remove(components, vec![(folder, std::mem::take(&mut unknown))], metadata, failures).await?;
            }
            if components.stopping.is_cancelled() {
                return Ok(());
            }
        }
        if !unknown.is_empty() {
            last.push((folder, unknown));
        }
    }
    if last.is_empty() { Ok(()) } else { remove(components, last, metadata, failures).await }
}

fn is_old(components: &Components, last_modified: i64) -> bool {
    let age = jiff::Timestamp::now().as_second() - last_modified;
    age >= components.config.cleanup.orphan_grace.as_secs().cast_signed()
}

/// Leaves out the keys that rows reference.
async fn without_known(components: &Components, folder: &Folder, mut keys: Vec<String>) -> Result<Vec<String>> {
    let Some(known) = folder.known.filter(|_| !keys.is_empty()) else { return Ok(keys) };
    let sql = format!("{known} ({})", placeholders(1, keys.len()));
    let mut query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).persistent(false);
    for key in &keys {
        query = query.bind(key);
    }
    let known: HashSet<String> = query.fetch_all(&components.database.pool).await?.into_iter().collect();
    keys.retain(|key| !known.contains(key));
    Ok(keys)
}

/// Removes those of these files that still have no row after a pause.
async fn remove(
    components: &Components,
    unknown: Vec<Unknown>,
    metadata: &JobMetadata,
    failures: &mut Failures,
) -> Result<()> {
    if components.stopping.run_until_cancelled(tokio::time::sleep(RECHECK_PAUSE)).await.is_none() {
        return Ok(());
    }
    for (folder, keys) in unknown {
        for key in without_known(components, folder, keys).await? {
            if components.stopping.is_cancelled() {
                return Ok(());
            }
            match components.storage.delete(&key).await {
                Ok(()) => {
                    metadata.add("orphans", 1);
                    tracing::warn!(key, "orphan file removed: no database row references it");
                }
                Err(error) => failures.count(error.into())?,
            }
        }
    }
    Ok(())
}
