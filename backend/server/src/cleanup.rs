//! TTL clean-up: removes datasets whose time is over, in batches, without touching one that a run still needs.

use serde_json::{Value, json};

use crate::app::App;
use crate::database::{Database, Engine, now_micros};
use crate::error::{Error, Result};
use crate::events::cleanup::{CleanupCycle, CleanupLag, ExpiredDatasetKept, ExpiredDatasetRemoved};

/// The row goes first and decides: whoever deletes it owns the file. A run that is queued or running keeps its dataset.
const FORGET: &str = "DELETE FROM datasets WHERE id = $1 AND expires_at <= $2 AND NOT EXISTS \
    (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running'))";

const EXPIRED: &str = "SELECT id, storage_key, size_bytes FROM datasets WHERE expires_at <= $1 AND id > $2 AND NOT EXISTS \
    (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running')) ORDER BY id LIMIT $3";

const OLDEST: &str = "SELECT MIN(expires_at) FROM datasets WHERE expires_at <= $1 AND NOT EXISTS \
    (SELECT 1 FROM runs WHERE runs.dataset_id = datasets.id AND runs.status IN ('queued', 'running'))";

/// Removes every expired dataset. One that cannot be removed never stops the others. Returns what was done.
pub async fn sweep(app: &App) -> Result<Value> {
    let cycle = CleanupCycle::begin();
    match remove_expired(app).await {
        Ok((removed, failed)) => {
            cycle.completed(removed, failed);
            Ok(json!({ "removed": removed, "failed": failed }))
        }
        Err(error) => {
            cycle.failed();
            Err(error)
        }
    }
}

/// Refreshes the lag gauge, so that it grows even when clean-up itself does not run.
pub async fn measure_lag(database: &Database) -> Result<()> {
    let now = now_micros();
    let oldest: sqlx::Result<Option<i64>> = sqlx::query_scalar(OLDEST).bind(now).fetch_one(&database.pool).await;
    let seconds = |oldest: &Option<i64>| oldest.map_or(0.0, |oldest| (now - oldest) as f64 / 1e6);
    CleanupLag { seconds: oldest.as_ref().ok().map(seconds) }.emit();
    Ok(oldest.map(drop)?)
}

async fn remove_expired(app: &App) -> Result<(u64, u64)> {
    let (mut removed, mut failed) = (0, 0);
    let batch = i64::from(app.config.cleanup.batch);
    // Ids grow with time, so the last one seen is where the next batch begins; a failure is passed, not met again.
    let mut after = String::new();
    let now = now_micros();
    loop {
        let query = sqlx::query_as::<_, (String, String, i64)>(EXPIRED).bind(now).bind(&after).bind(batch);
        let expired = query.fetch_all(&app.database.pool).await?;
        let Some((last, ..)) = expired.last() else { return Ok((removed, failed)) };
        after.clone_from(last);
        for (dataset_id, storage_key, size_bytes) in expired {
            if app.stopping.is_cancelled() {
                return Ok((removed, failed));
            }
            match remove(app, &dataset_id, &storage_key, now).await {
                Ok(true) => {
                    removed += 1;
                    ExpiredDatasetRemoved { dataset_id, size_bytes: size_bytes.unsigned_abs() }.emit();
                }
                // Deleted by a client, or taken by a run, since the batch was read.
                Ok(false) => {}
                Err(error) => {
                    failed += 1;
                    ExpiredDatasetKept { dataset_id, error: &error }.emit();
                }
            }
        }
    }
}

/// Removes the row and the file. The row is put back by the rollback when the file cannot be removed.
async fn remove(app: &App, dataset_id: &str, storage_key: &str, now: i64) -> Result<bool, Error> {
    let mut transaction = app.database.pool.begin().await?;
    if app.database.engine == Engine::Postgres {
        // Waits for a run that is being queued on this dataset. SQLite has one writer at a time.
        sqlx::query("SELECT id FROM datasets WHERE id = $1 FOR UPDATE")
            .bind(dataset_id)
            .execute(&mut *transaction)
            .await?;
    }
    let forgotten = sqlx::query(FORGET).bind(dataset_id).bind(now).execute(&mut *transaction).await?;
    if forgotten.rows_affected() == 0 {
        return Ok(false);
    }
    app.storage.delete(storage_key).await?;
    transaction.commit().await?;
    Ok(true)
}
