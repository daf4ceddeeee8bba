//! Orphan sweep: files that no row knows, left by a process that died between writing a file and committing its row
//! (`files.rs`); rows whose file is gone (`rows.rs`); and what dead processes left in `DATA__DIR`.

mod files;
mod rows;

use belfry_telemetry::jobs::JobMetadata as Notes;

use crate::error::{Error, Result, chain};
use crate::state::App;
use crate::{backup, training};

/// With so many failures it is the store itself that fails, and to ask it about every file would take hours.
const MOST_FAILURES: u64 = 100;

/// What could not be looked at or removed. None of it stops the rest.
#[derive(Default)]
struct Failures {
    count: u64,
    first: Option<String>,
}

impl Failures {
    /// # Errors
    /// This one, when it is one too many.
    fn note(&mut self, error: Error) -> Result<()> {
        self.count += 1;
        tracing::warn!(cause = chain(&error), "the orphan sweep passes over something");
        if self.first.is_none() {
            self.first = Some(chain(&error));
        }
        if self.count > MOST_FAILURES { Err(error) } else { Ok(()) }
    }

    /// Takes note of a part of the sweep that ended early; the next one is done all the same.
    fn note_end<T: Default>(&mut self, ended: Result<T>) -> T {
        ended.unwrap_or_else(|error| {
            // That there are too many does not matter here.
            let _ = self.note(error);
            T::default()
        })
    }
}

/// Removes what belongs to nobody and is older than `CLEANUP__ORPHAN_GRACE`: younger files may be about to get their row.
///
/// # Errors
/// What could not be done; what was stands in the notes.
pub async fn sweep(app: &App, notes: &Notes) -> Result<()> {
    if !app.scheduler.is_settled() {
        // A file just written may look old, and its row may be about to be committed.
        notes.set("skipped", "the clock has jumped or the database was away just now");
        return Ok(());
    }
    for count in ["orphans", "half_written"] {
        notes.add(count, 0);
    }
    let mut failures = Failures::default();
    let ended = files::sweep(app, notes, &mut failures).await;
    failures.note_end(ended);
    let ended = rows::sweep(app, &mut failures).await;
    let rows = failures.note_end(ended);
    notes.set("rows_without_file", rows.missing);
    notes.set("rows_removed", rows.removed);
    let ended = remove_left_over(app).await;
    notes.set("dead_workplaces", failures.note_end(ended));
    notes.set("interrupted", app.stopping.is_cancelled());
    match failures.first {
        None => Ok(()),
        Some(first) => {
            let count = failures.count;
            notes.set("failures", count);
            Err(Error::Storage(anyhow::anyhow!("{count} failures, the first: {first}")))
        }
    }
}

/// Removes what dead processes and restores that were cut off left in `DATA__DIR`. Returns how many folders of processes.
async fn remove_left_over(app: &App) -> Result<u64> {
    let config = app.config.clone();
    let left_over = tokio::task::spawn_blocking(move || {
        let (work, grace) = (config.data.dir.join("work"), config.cleanup.orphan_grace);
        let cut_off = backup::remove_cut_off(&config, grace);
        let removed = training::remove_workplaces(&work, grace)?;
        cut_off.map(|_| removed)
    });
    Ok(left_over.await.map_err(|panic| Error::Internal(panic.into()))??)
}
