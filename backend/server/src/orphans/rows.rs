//! Rows whose file is gone. Such a dataset cannot be read and such a model cannot predict, so after the grace the
//! database stops to promise them, and says so as an error.
//!
//! A store that cannot be asked ends the sweep before anything is removed. So does one that has none of the files that
//! rows name: it is most likely another one, or its disk is not mounted.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use crate::app::App;
use crate::database::now_micros;
use crate::error::{Error, Result};
use crate::events::jobs::FileLost;

/// Rows looked at between two looks at whether to stop; bounds memory.
const BATCH: i64 = 500;

/// What a table says of files, and how to take it back.
struct Kind {
    name: &'static str,
    /// Ids and keys, in the order of ids, after `$1`.
    named: &'static str,
    /// Takes back what is said of the file `$1`, unless it is about to be used.
    take_back: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "dataset",
        // Those whose removal has begun are the clean-up's.
        named: "SELECT id, storage_key FROM datasets WHERE removal_began_at IS NULL AND id > $1 ORDER BY id LIMIT $2",
        take_back: "DELETE FROM datasets WHERE storage_key = $1 AND NOT EXISTS \
            (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running'))",
    },
    Kind {
        name: "model",
        named: "SELECT id, model_key FROM runs WHERE model_key IS NOT NULL AND id > $1 ORDER BY id LIMIT $2",
        take_back: "UPDATE runs SET model_key = NULL, model_size_bytes = NULL, model_sha256 = NULL WHERE model_key = $1",
    },
];

/// What was found.
#[derive(Default)]
pub(super) struct Swept {
    /// Rows whose file is not there.
    pub(super) missing: usize,
    /// Those of them that were given up.
    pub(super) removed: u64,
}

/// Looks for the file of every row.
pub(super) async fn sweep(app: &App) -> Result<Swept> {
    let (mut missing, mut present) = (Vec::new(), 0_u64);
    for kind in &KINDS {
        let mut after = String::new();
        loop {
            let query = sqlx::query_as::<_, (String, String)>(kind.named).bind(&after).bind(BATCH);
            let rows = query.fetch_all(&app.database.pool).await?;
            let Some((last, _)) = rows.last() else { break };
            after.clone_from(last);
            for (_, key) in rows {
                if app.stopping.is_cancelled() {
                    return Ok(Swept::default());
                }
                if app.storage.exists(&key).await? { present += 1 } else { missing.push((kind, key)) }
            }
        }
    }
    if present == 0 && !missing.is_empty() {
        let count = missing.len();
        let message = format!("none of the {count} files that rows name is in the store; nothing was removed");
        return Err(Error::Storage(anyhow::anyhow!(message)));
    }
    note(app, &missing).await?;
    let due =
        now_micros().saturating_sub(i64::try_from(app.config.cleanup.orphan_grace.as_micros()).unwrap_or(i64::MAX));
    let mut swept = Swept { missing: missing.len(), removed: 0 };
    for (kind, key) in missing {
        if app.stopping.is_cancelled() {
            break;
        }
        if is_given_up(app, &key, due).await? && !app.storage.exists(&key).await? {
            swept.removed += take_back(app, kind, &key).await?;
        }
    }
    Ok(swept)
}

/// Notes since when files are missing, and forgets those that are back or are not missed any more.
async fn note(app: &App, missing: &[(&Kind, String)]) -> Result<()> {
    let pool = &app.database.pool;
    let keys: HashSet<&str> = missing.iter().map(|(_, key)| key.as_str()).collect();
    let noted: Vec<String> = sqlx::query_scalar("SELECT storage_key FROM missing_files").fetch_all(pool).await?;
    for key in noted.iter().filter(|key| !keys.contains(key.as_str())) {
        sqlx::query("DELETE FROM missing_files WHERE storage_key = $1").bind(key).execute(pool).await?;
    }
    for (kind, key) in missing.iter().filter(|(_, key)| !noted.contains(key)) {
        let insert = "INSERT INTO missing_files (storage_key, noticed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(key).bind(now_micros()).execute(pool).await?;
        tracing::warn!(kind = kind.name, storage_key = key, "a file that the database names is not in the store");
    }
    Ok(())
}

async fn is_given_up(app: &App, key: &str, due: i64) -> Result<bool> {
    let query = "SELECT COUNT(*) FROM missing_files WHERE storage_key = $1 AND noticed_at <= $2";
    let noted: i64 = sqlx::query_scalar(query).bind(key).bind(due).fetch_one(&app.database.pool).await?;
    Ok(noted > 0)
}

async fn take_back(app: &App, kind: &Kind, key: &str) -> Result<u64> {
    let taken = sqlx::query(AssertSqlSafe(kind.take_back)).bind(key).execute(&app.database.pool).await?;
    if taken.rows_affected() > 0 {
        FileLost { kind: kind.name, storage_key: key }.emit();
        sqlx::query("DELETE FROM missing_files WHERE storage_key = $1").bind(key).execute(&app.database.pool).await?;
    }
    Ok(taken.rows_affected())
}
