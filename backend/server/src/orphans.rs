//! Orphan sweep: files that no row knows, left by a process that died between writing a file and committing its row.

use futures::StreamExt;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Result;

/// A folder of the store, and whether a row knows the file with a key.
const FOLDERS: [(&str, Option<&str>); 3] = [
    ("datasets", Some("SELECT COUNT(*) FROM datasets WHERE storage_key = $1")),
    ("models", Some("SELECT COUNT(*) FROM runs WHERE model_key = $1")),
    // A health probe removes its own file; one that is still here was interrupted.
    ("probes", None),
];

/// Removes orphaned files and half-written ones. Returns what was done.
pub async fn sweep(app: &App) -> Result<Value> {
    let grace = app.config.cleanup.orphan_grace;
    let (mut orphans, mut half_written) = (0_u64, 0);
    for (folder, known) in FOLDERS {
        half_written += app.storage.remove_abandoned(folder, grace).await?;
        let mut files = app.storage.list(folder);
        while let Some(file) = files.next().await {
            let file = file?;
            if app.stopping.is_cancelled() {
                return Ok(json!({ "orphans": orphans, "half_written": half_written, "interrupted": true }));
            }
            let age = jiff::Timestamp::now().as_second() - file.last_modified.timestamp();
            if age < grace.as_secs().cast_signed() || is_known(app, known, file.location.as_ref()).await? {
                continue;
            }
            app.storage.delete(file.location.as_ref()).await?;
            orphans += 1;
            tracing::warn!(key = file.location.as_ref(), "a file that no row knows was removed");
        }
    }
    Ok(json!({ "orphans": orphans, "half_written": half_written }))
}

async fn is_known(app: &App, query: Option<&'static str>, key: &str) -> Result<bool> {
    let Some(query) = query else { return Ok(false) };
    let rows: i64 = sqlx::query_scalar(query).bind(key).fetch_one(&app.database.pool).await?;
    Ok(rows > 0)
}
