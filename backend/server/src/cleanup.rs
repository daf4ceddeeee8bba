//! TTL clean-up: removes datasets whose time is over, in batches, without touching one that a run still needs.
//!
//! A batch is three steps: its rows are marked, which decides; their files go; then the rows go. A process that dies in
//! between leaves marked rows, which are expired for everybody and which the next cycle finishes. No lock is held while
//! files are removed: the file store may take its time, and SQLite has one writer.

use belfry_telemetry::jobs::JobMetadata as Notes;
use futures::StreamExt;
use futures::stream;
use sqlx::AssertSqlSafe;

use crate::database::{Database, Engine, now_micros};
use crate::error::Result;
use crate::events::cleanup::{CleanupCycle, CleanupLag, ExpiredDatasetKept, ExpiredDatasetRemoved};
use crate::state::App;

/// Files removed at the same time.
const REMOVALS_UNDER_WAY: usize = 8;

/// What `$1` is the time of: datasets whose time is over and that no queued or running run needs.
const EXPIRED: &str = "expires_at <= $1 AND NOT EXISTS \
    (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running'))";

/// Removes every expired dataset. One that cannot be removed never stops the others.
pub async fn sweep(app: &App, notes: &Notes) -> Result<()> {
    let cycle = CleanupCycle::begin();
    let mut done = Done::default();
    done.note(notes);
    match remove_expired(app, &mut done, notes).await {
        Ok(true) => cycle.completed(done.removed, done.failed),
        Ok(false) => {
            notes.set("interrupted", true);
            cycle.interrupted(done.removed, done.failed);
        }
        Err(error) => {
            cycle.failed();
            return Err(error);
        }
    }
    Ok(())
}

/// Refreshes the lag gauge, so that it grows even when clean-up itself does not run.
pub async fn measure_lag(database: &Database) -> Result<()> {
    let now = now_micros();
    let oldest = format!("SELECT MIN(expires_at) FROM datasets WHERE {EXPIRED}");
    let oldest: sqlx::Result<Option<i64>> =
        sqlx::query_scalar(AssertSqlSafe(oldest)).bind(now).fetch_one(&database.pool).await;
    let seconds = |oldest: &Option<i64>| oldest.map_or(0.0, |oldest| (now - oldest) as f64 / 1e6);
    CleanupLag { seconds: oldest.as_ref().ok().map(seconds) }.emit();
    Ok(oldest.map(drop)?)
}

/// What a cycle has come to.
#[derive(Default)]
struct Done {
    removed: u64,
    failed: u64,
}

impl Done {
    fn note(&self, notes: &Notes) {
        notes.set("removed", self.removed);
        notes.set("failed", self.failed);
    }
}

/// A dataset whose file is to go.
struct Doomed {
    id: String,
    storage_key: String,
}

/// Goes through all that is expired now, batch after batch; false if it was interrupted by the end of the process.
async fn remove_expired(app: &App, done: &mut Done, notes: &Notes) -> Result<bool> {
    let now = now_micros();
    // Where the next batch begins: what could not be removed is passed, not met again.
    let mut after = (i64::MIN, String::new());
    while !app.stopping.is_cancelled() {
        let batch = next_batch(app, now, &after).await?;
        let Some(last) = batch.last() else { return Ok(true) };
        after.clone_from(last);
        let ids: Vec<String> = batch.into_iter().map(|(_, id)| id).collect();
        let doomed = mark(&app.database, now, &ids).await?;
        let gone = remove_files(app, doomed, done).await;
        done.note(notes);
        for (dataset_id, size_bytes) in forget(&app.database, &gone).await? {
            done.removed += 1;
            ExpiredDatasetRemoved { dataset_id, size_bytes: size_bytes.unsigned_abs() }.emit();
        }
        done.note(notes);
    }
    Ok(false)
}

/// When they expired and the ids of those that come next.
async fn next_batch(app: &App, now: i64, after: &(i64, String)) -> Result<Vec<(i64, String)>> {
    let sql = format!(
        "SELECT expires_at, id FROM datasets WHERE {EXPIRED} AND expires_at >= $2 AND (expires_at > $2 OR id > $3) \
         ORDER BY expires_at, id LIMIT $4"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(now).bind(after.0).bind(&after.1);
    Ok(query.bind(i64::from(app.config.cleanup.batch)).fetch_all(&app.database.pool).await?)
}

/// Marks those of these datasets that are still to go. From then on no run can be queued on them.
async fn mark(database: &Database, now: i64, ids: &[String]) -> Result<Vec<Doomed>> {
    let mut transaction = database.begin().await?;
    if database.engine == Engine::Postgres {
        // Waits for runs that are being queued on these. SQLite has one writer at a time.
        let lock = format!("SELECT id FROM datasets WHERE id IN ({}) ORDER BY id FOR UPDATE", places(1, ids));
        let mut lock = sqlx::query(AssertSqlSafe(lock)).persistent(false);
        for id in ids {
            lock = lock.bind(id);
        }
        lock.execute(&mut *transaction).await?;
    }
    let mark = format!(
        "UPDATE datasets SET removal_began_at = $1 WHERE {EXPIRED} AND id IN ({}) RETURNING id, storage_key",
        places(2, ids)
    );
    let mut mark = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(mark)).persistent(false).bind(now);
    for id in ids {
        mark = mark.bind(id);
    }
    let marked = mark.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(marked.into_iter().map(|(id, storage_key)| Doomed { id, storage_key }).collect())
}

/// Removes their files, and returns the ids of those whose file is gone. Begins no further one once the process stops.
async fn remove_files(app: &App, doomed: Vec<Doomed>, done: &mut Done) -> Vec<String> {
    let removals = stream::iter(doomed).take_while(|_| std::future::ready(!app.stopping.is_cancelled()));
    let mut ended = removals
        .map(|doomed| async move { (app.storage.delete(&doomed.storage_key).await, doomed.id) })
        .buffer_unordered(REMOVALS_UNDER_WAY);
    let mut gone = Vec::new();
    while let Some((removed, dataset_id)) = ended.next().await {
        match removed {
            Ok(()) => gone.push(dataset_id),
            Err(error) => {
                done.failed += 1;
                ExpiredDatasetKept { dataset_id, error: &error.into() }.emit();
            }
        }
    }
    gone
}

/// Removes rows whose files are gone, and returns their ids and sizes.
async fn forget(database: &Database, ids: &[String]) -> Result<Vec<(String, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("DELETE FROM datasets WHERE id IN ({}) RETURNING id, size_bytes", places(1, ids));
    let mut query = sqlx::query_as(AssertSqlSafe(sql)).persistent(false);
    for id in ids {
        query = query.bind(id);
    }
    Ok(query.fetch_all(&database.pool).await?)
}

/// `$2, $3, $4`: one a value, from this number on.
fn places(first: usize, values: &[String]) -> String {
    (first..first + values.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
