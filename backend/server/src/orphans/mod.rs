//! Orphan sweep: files that no row knows, left by a process that died between writing a file and committing its row; rows
//! whose file is gone (`rows.rs`); and what dead processes left in `DATA__DIR`.

mod rows;

use std::time::Duration;

use belfry_telemetry::jobs::Notes;
use futures::StreamExt;

use crate::app::App;
use crate::error::{Error, Result};
use crate::{backup, training};

/// A folder of the store, and whether a row knows the file with a key.
const FOLDERS: [(&str, Option<&str>); 3] = [
    ("datasets", Some("SELECT COUNT(*) FROM datasets WHERE storage_key = $1")),
    ("models", Some("SELECT COUNT(*) FROM runs WHERE model_key = $1")),
    // A health probe removes its own file; one that is still here was interrupted.
    ("probes", None),
];

/// Removes what belongs to nobody and is older than `CLEANUP__ORPHAN_GRACE`: younger files may be about to get their row.
pub async fn sweep(app: &App, notes: &Notes) -> Result<()> {
    if !app.scheduler.is_settled() {
        // A file just written may look old, and its row may be about to be committed.
        notes.set("skipped", "the clock has jumped or the database was away just now");
        return Ok(());
    }
    for count in ["orphans", "half_written"] {
        notes.add(count, 0);
    }
    sweep_files(app, notes).await?;
    let rows = rows::sweep(app).await?;
    notes.set("rows_without_file", rows.missing);
    notes.set("rows_removed", rows.removed);
    let config = app.config.clone();
    let left_over = tokio::task::spawn_blocking(move || {
        let (work, grace) = (config.data.dir.join("work"), config.cleanup.orphan_grace);
        backup::remove_cut_off(&config, grace)?;
        training::remove_workplaces(&work, grace)
    });
    let workplaces = left_over.await.map_err(|panic| Error::Internal(panic.into()))??;
    notes.set("dead_workplaces", workplaces);
    notes.set("interrupted", app.stopping.is_cancelled());
    Ok(())
}

async fn sweep_files(app: &App, notes: &Notes) -> Result<()> {
    let grace: Duration = app.config.cleanup.orphan_grace;
    for (folder, known) in FOLDERS {
        notes.add("half_written", app.storage.remove_abandoned(folder, grace).await?);
        let mut files = app.storage.list(folder);
        while let Some(file) = files.next().await {
            let file = file?;
            if app.stopping.is_cancelled() {
                return Ok(());
            }
            let age = jiff::Timestamp::now().as_second() - file.last_modified.timestamp();
            if age < grace.as_secs().cast_signed() || is_known(app, known, file.location.as_ref()).await? {
                continue;
            }
            app.storage.delete(file.location.as_ref()).await?;
            notes.add("orphans", 1);
            tracing::warn!(key = file.location.as_ref(), "a file that no row knows was removed");
        }
    }
    Ok(())
}

async fn is_known(app: &App, query: Option<&'static str>, key: &str) -> Result<bool> {
    let Some(query) = query else { return Ok(false) };
    let rows: i64 = sqlx::query_scalar(query).bind(key).fetch_one(&app.database.pool).await?;
    Ok(rows > 0)
}
