//! The job `ttl_cleanup`: removes datasets that have expired, in batches, without touching one that a run still needs.
//!
//! A batch is three steps: its rows are marked, which decides; their files go; then the rows go. A process that dies in
//! between leaves marked rows, which are expired for everybody and which the next cycle finishes. No lock is held while
//! files are removed: the file store may take its time, and SQLite has one writer.

use futures::StreamExt;
use futures::stream;
use sqlx::AssertSqlSafe;

use super::Components;
use crate::config::JobsConfig;
use crate::database::{Database, Engine, now_micros, placeholders};
use crate::error::Result;
use crate::events::cleanup::{CleanupCycle, CleanupLag, ExpiredDatasetNotRemoved, ExpiredDatasetRemoved};
use crate::scheduler::{Job, JobMetadata, Plan, RunContext};

/// Files removed at the same time.
const REMOVALS_IN_FLIGHT: usize = 8;

/// What `$1` is the time of: datasets that have expired and that no queued or running run needs.
const EXPIRED: &str = "expires_at <= $1 AND NOT EXISTS \
    (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running'))";

/// The job.
pub(super) struct TtlCleanup(pub(super) Components);

impl Job for TtlCleanup {
    const NAME: &'static str = "ttl_cleanup";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::every(self.0.config.cleanup.interval, config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        clean_up(&self.0, &context.metadata).await
    }
}

/// Removes every expired dataset. One that cannot be removed never stops the others.
async fn clean_up(components: &Components, metadata: &JobMetadata) -> Result<()> {
    let cycle = CleanupCycle::begin();
    let mut done = Done::default();
    done.record(metadata);
    match remove_expired(components, &mut done, metadata).await {
        Ok(true) => cycle.completed(done.removed, done.failed),
        Ok(false) => {
            metadata.set("interrupted", true);
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
    fn record(&self, metadata: &JobMetadata) {
        metadata.set("removed", self.removed);
        metadata.set("failed", self.failed);
    }
}

/// A dataset whose file is to go.
struct MarkedDataset {
    id: String,
    storage_key: String,
}

/// Goes through all that is expired now, batch after batch; false if it was interrupted by the end of the process.
async fn remove_expired(components: &Components, done: &mut Done, metadata: &JobMetadata) -> Result<bool> {
    let now = now_micros();
    // Where the next batch begins: what could not be removed is passed, not met again.
    let mut after = (i64::MIN, String::new());
    while !components.stopping.is_cancelled() {
        let batch = next_batch(components, now, &after).await?;
        let Some(last) = batch.last() else { return Ok(true) };
        after.clone_from(last);
        let ids: Vec<String> = batch.into_iter().map(|(_, id)| id).collect();
        let marked = mark_for_removal(&components.database, now, &ids).await?;
        let gone = remove_files(components, marked, done).await;
        done.record(metadata);
        for (dataset_id, size_bytes) in delete_rows(&components.database, &gone).await? {
            done.removed += 1;
            ExpiredDatasetRemoved { dataset_id, size_bytes: size_bytes.unsigned_abs() }.emit();
        }
        done.record(metadata);
    }
    Ok(false)
}

/// When they expired and the ids of those that come next.
async fn next_batch(components: &Components, now: i64, after: &(i64, String)) -> Result<Vec<(i64, String)>> {
    let sql = format!(
        "SELECT expires_at, id FROM datasets WHERE {EXPIRED} AND expires_at >= $2 AND (expires_at > $2 OR id > $3) \
         ORDER BY expires_at, id LIMIT $4"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(now).bind(after.0).bind(&after.1);
    Ok(query.bind(i64::from(components.config.cleanup.batch)).fetch_all(&components.database.pool).await?)
}

/// Marks those of these datasets that are still to go. From then on no run can be queued on them.
async fn mark_for_removal(database: &Database, now: i64, ids: &[String]) -> Result<Vec<MarkedDataset>> {
    let mut transaction = database.begin().await?;
    if database.engine == Engine::Postgres {
        // Waits for runs that are being queued on these. SQLite has one writer at a time.
        let lock =
            format!("SELECT id FROM datasets WHERE id IN ({}) ORDER BY id FOR UPDATE", placeholders(1, ids.len()));
        let mut lock = sqlx::query(AssertSqlSafe(lock)).persistent(false);
        for id in ids {
            lock = lock.bind(id);
        }
        lock.execute(&mut *transaction).await?;
    }
    let mark = format!(
        "UPDATE datasets SET removal_began_at = $1 WHERE {EXPIRED} AND id IN ({}) RETURNING id, storage_key",
        placeholders(2, ids.len())
    );
    let mut mark = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(mark)).persistent(false).bind(now);
    for id in ids {
        mark = mark.bind(id);
    }
    let marked = mark.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(marked.into_iter().map(|(id, storage_key)| MarkedDataset { id, storage_key }).collect())
}

/// Removes their files, and returns the ids of those whose file is gone. Begins no further one once the process stops.
async fn remove_files(components: &Components, marked: Vec<MarkedDataset>, done: &mut Done) -> Vec<String> {
    let removals = stream::iter(marked).take_while(|_| std::future::ready(!components.stopping.is_cancelled()));
    let mut ended = removals
        .map(|dataset| async move { (components.storage.delete(&dataset.storage_key).await, dataset.id) })
        .buffer_unordered(REMOVALS_IN_FLIGHT);
    let mut gone = Vec::new();
    while let Some((removed, dataset_id)) = ended.next().await {
        match removed {
            Ok(()) => gone.push(dataset_id),
            Err(error) => {
                done.failed += 1;
                ExpiredDatasetNotRemoved { dataset_id, error: &error.into() }.emit();
            }
        }
    }
    gone
}

/// Removes rows whose files are gone, and returns their ids and sizes.
async fn delete_rows(database: &Database, ids: &[String]) -> Result<Vec<(String, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("DELETE FROM datasets WHERE id IN ({}) RETURNING id, size_bytes", placeholders(1, ids.len()));
    let mut query = sqlx::query_as(AssertSqlSafe(sql)).persistent(false);
    for id in ids {
        query = query.bind(id);
    }
    Ok(query.fetch_all(&database.pool).await?)
}
