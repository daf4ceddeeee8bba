//! Rows whose file is gone. Such a dataset cannot be read and such a model cannot predict, so after the grace the row is
//! removed and the loss is logged as an error.
//!
//! Missing files are recorded in the table `missing_files`, with the time since when. A store that has none of the referenced
//! files is most likely the wrong one, or its disk is not mounted: then nothing is recorded or removed.

use futures::StreamExt;
use futures::stream;
use sqlx::AssertSqlSafe;

use super::{Components, Failures};
use crate::database::{micros, now_micros};
use crate::error::{Error, Result};
use crate::events::jobs::FileLost;

/// Rows read at a time; bounds memory.
const BATCH: i64 = 500;

/// Files checked at the same time.
const CONCURRENT_CHECKS: usize = 16;

/// How a table refers to files, and how to remove a reference.
struct Kind {
    name: &'static str,
    /// Ids and keys, in the order of ids, after `$1`.
    named: &'static str,
    /// Whether the file `$1` is named.
    names: &'static str,
    /// Removes the reference to the file `$1`, unless it is about to be used.
    remove_reference: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "dataset",
        // Those whose removal has begun are the clean-up's.
        named: "SELECT id, storage_key FROM datasets WHERE removal_began_at IS NULL AND id > $1 ORDER BY id LIMIT $2",
        names: "SELECT COUNT(*) FROM datasets WHERE removal_began_at IS NULL AND storage_key = $1",
        remove_reference: "DELETE FROM datasets WHERE storage_key = $1 AND NOT EXISTS \
            (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running'))",
    },
    Kind {
        name: "model",
        named: "SELECT id, model_key FROM runs WHERE model_key IS NOT NULL AND id > $1 ORDER BY id LIMIT $2",
        names: "SELECT COUNT(*) FROM runs WHERE model_key = $1",
        remove_reference: "UPDATE runs SET model_key = NULL, model_size_bytes = NULL, model_sha256 = NULL WHERE model_key = $1",
    },
];

/// What was found.
#[derive(Default)]
pub(super) struct Swept {
    /// Rows whose file is not there.
    pub(super) missing: u64,
    /// Those of them that were removed.
    pub(super) removed: u64,
}

/// Looks for the file of every row.
pub(super) async fn sweep(components: &Components, failures: &mut Failures) -> Result<Swept> {
    let mut seen = Seen::default();
    // In the usual case this ends with the first file.
    each_row(components, failures, &mut seen, Until::Present).await?;
    if !seen.present {
        return match seen.missing {
            _ if components.stopping.is_cancelled() => Ok(Swept::default()),
            0 => Ok(Swept::default()),
            count => {
                let message = format!("none of the {count} files that rows name is in the store; nothing was removed");
                Err(Error::Storage(anyhow::anyhow!(message)))
            }
        };
    }
    each_row(components, failures, &mut seen, Until::End).await?;
    process_missing_files(components, failures).await
}

#[derive(Default)]
struct Seen {
    present: bool,
    missing: u64,
}

/// How far to look.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    /// To the first file that is there. Records nothing.
    Present,
    /// To the last row. Records what is missing.
    End,
}

async fn each_row(components: &Components, failures: &mut Failures, seen: &mut Seen, until: Until) -> Result<()> {
    for kind in &KINDS {
        let mut after = String::new();
        loop {
            let query = sqlx::query_as::<_, (String, String)>(kind.named).bind(&after).bind(BATCH);
            let rows = query.fetch_all(&components.database.pool).await?;
            let Some((last, _)) = rows.last() else { break };
            after.clone_from(last);
            let keys = rows.into_iter().map(|(_, key)| key);
            let mut checked = check_exists(components, keys);
            while let Some((key, exists)) = checked.next().await {
                match exists {
                    Ok(true) => seen.present = true,
                    Ok(false) if until == Until::End => record_missing(components, kind, &key).await?,
                    Ok(false) => seen.missing += 1,
                    Err(error) => failures.count(error.into())?,
                }
                if until == Until::Present && seen.present {
                    return Ok(());
                }
            }
            if components.stopping.is_cancelled() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Keys, and whether the store has them. Checks no further ones once the process stops.
fn check_exists<'a>(
    components: &'a Components,
    keys: impl Iterator<Item = String> + 'a,
) -> impl futures::Stream<Item = (String, crate::storage::Result<bool>)> + Unpin + 'a {
    let keys = stream::iter(keys.take_while(|_| !components.stopping.is_cancelled()));
    let checks = keys.map(async |key: String| {
        let exists = components.storage.exists(&key).await;
        (key, exists)
    });
    Box::pin(checks.buffer_unordered(CONCURRENT_CHECKS))
}

/// Records since when a file is missing.
async fn record_missing(components: &Components, kind: &Kind, key: &str) -> Result<()> {
    let insert = "INSERT INTO missing_files (storage_key, noticed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let recorded = sqlx::query(insert).bind(key).bind(now_micros()).execute(&components.database.pool).await?;
    if recorded.rows_affected() > 0 {
        tracing::warn!(kind = kind.name, storage_key = key, "file missing from the store");
    }
    Ok(())
}

/// Processes the recorded files: forgets those that are back or not referenced any more, and removes the rows of those that
/// have been missing for too long.
async fn process_missing_files(components: &Components, failures: &mut Failures) -> Result<Swept> {
    let due = now_micros().saturating_sub(micros(components.config.cleanup.orphan_grace));
    let (mut swept, mut after) = (Swept::default(), String::new());
    loop {
        let query =
            "SELECT storage_key, noticed_at FROM missing_files WHERE storage_key > $1 ORDER BY storage_key LIMIT $2";
        let query = sqlx::query_as::<_, (String, i64)>(query).bind(&after).bind(BATCH);
        let recorded = query.fetch_all(&components.database.pool).await?;
        let Some((last, _)) = recorded.last() else { return Ok(swept) };
        after.clone_from(last);
        let times: std::collections::HashMap<String, i64> = recorded.into_iter().collect();
        let mut checked = check_exists(components, times.keys().cloned());
        while let Some((key, exists)) = checked.next().await {
            match exists {
                Ok(true) => forget(components, &key).await?,
                Ok(false) => {
                    let Some(kind) = naming(components, &key).await? else {
                        forget(components, &key).await?;
                        continue;
                    };
                    swept.missing += 1;
                    if times[&key] <= due {
                        swept.removed += remove_reference(components, kind, &key).await?;
                    }
                }
                Err(error) => failures.count(error.into())?,
            }
        }
        if components.stopping.is_cancelled() {
            return Ok(swept);
        }
    }
}

/// The kind of row that names a file, if one does.
async fn naming(components: &Components, key: &str) -> Result<Option<&'static Kind>> {
    for kind in &KINDS {
        let named: i64 = sqlx::query_scalar(kind.names).bind(key).fetch_one(&components.database.pool).await?;
        if named > 0 {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

async fn forget(components: &Components, key: &str) -> Result<()> {
    sqlx::query("DELETE FROM missing_files WHERE storage_key = $1")
        .bind(key)
        .execute(&components.database.pool)
        .await?;
    Ok(())
}

async fn remove_reference(components: &Components, kind: &Kind, key: &str) -> Result<u64> {
    let taken = sqlx::query(AssertSqlSafe(kind.remove_reference)).bind(key).execute(&components.database.pool).await?;
    if taken.rows_affected() > 0 {
        FileLost { kind: kind.name, storage_key: key }.emit();
        forget(components, key).await?;
    }
    Ok(taken.rows_affected())
}
