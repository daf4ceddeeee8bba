//! The queue: runs wait in the table `runs`, shared by every process on the database, until a worker claims them.

use std::time::Duration;

use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::protocol::RunSpec;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::claims::Claim;
use super::{algorithm_from_row, spec_from_row, unreadable};
use crate::database::{Database, Engine, now_micros};
use crate::error::{Error, Result};
use crate::events::training::QueueDepth;
use crate::labels::RunStatus;
use crate::leases::lease_until;

/// A run to be queued.
pub struct NewRun {
    pub id: String,
    pub spec: RunSpec,
}

/// Queues a run if its dataset still exists and there is room; false if not.
///
/// The dataset's row is locked meanwhile, so that it is not deleted between the check and the insert.
pub async fn insert_run(database: &Database, new: &NewRun, max_queued: u32) -> Result<bool> {
    // SQLite has one writer at a time and knows no row locks.
    let lock = if database.engine == Engine::Postgres { "FOR SHARE OF d" } else { "" };
    let sql = format!(
        "INSERT INTO runs (id, dataset_id, target, algorithm, task, params, seed, test_fraction, status, attempts, \
         cancel_requested, created_at) \
         SELECT $1, d.id, $3, $4, $5, $6, $7, $8, 'queued', 0, 0, $9 FROM datasets d \
         WHERE d.id = $2 AND (d.expires_at IS NULL OR d.expires_at > $9) AND d.removal_began_at IS NULL \
         AND (SELECT COUNT(*) FROM runs WHERE status = 'queued') < $10 {lock}"
    );
    let spec = &new.spec;
    let seed = i64::try_from(spec.seed).map_err(|error| Error::Internal(error.into()))?;
    let inserted = sqlx::query(AssertSqlSafe(sql))
        .bind(&new.id)
        .bind(&spec.dataset_id)
        .bind(&spec.target)
        .bind(spec.algorithm.name())
        .bind(spec.task.map(Task::name))
        .bind(spec.params.to_string())
        .bind(seed)
        .bind(spec.test_fraction)
        .bind(now_micros())
        .bind(i64::from(max_queued))
        .execute(&database.pool)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Claims the run that has waited longest, with a lease of `lease` from now.
pub async fn claim_oldest(database: &Database, instance: &str, lease: Duration) -> Result<Option<Claim>> {
    let skip_locked = if database.engine == Engine::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE runs SET status = 'running', attempts = attempts + 1, worker_id = $1, lease_until = $2, started_at = $3 \
         WHERE status = 'queued' AND id = \
         (SELECT id FROM runs WHERE status = 'queued' ORDER BY created_at, id LIMIT 1 {skip_locked}) \
         RETURNING id, dataset_id, target, algorithm, task, params, seed, test_fraction, attempts, created_at"
    );
    let now = now_micros();
    let worker_id = format!("{instance}:{}", Uuid::now_v7());
    let mut transaction = database.begin().await?;
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&worker_id)
        .bind(lease_until(now, lease))
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
    let Some(row) = rows.first() else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let claim = Claim {
        run_id: row.try_get("id")?,
        worker_id,
        spec: spec_from_row(row)?,
        attempt: row.try_get("attempts")?,
        created_at: row.try_get("created_at")?,
        started_at: now,
    };
    // In the same transaction, so that no reader takes an earlier attempt's steps for this one's.
    sqlx::query("DELETE FROM run_progress WHERE run_id = $1").bind(&claim.run_id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Some(claim))
}

/// What a cancel did.
pub enum CancelResult {
    /// The run was queued and has ended now.
    Ended { algorithm: Algorithm, attempts: i64 },
    /// The run is running; its worker will see the request.
    Requested,
    /// The run had ended, or there is no such run.
    TooLate,
}

/// Cancels a run.
pub async fn cancel_run(database: &Database, id: &str) -> Result<CancelResult> {
    let queued = "UPDATE runs SET status = 'cancelled', outcome = 'cancelled', cancel_requested = 1, finished_at = $2, \
                   error_code = 'cancelled', error_message = 'the run was cancelled' \
                   WHERE id = $1 AND status = 'queued' RETURNING algorithm, attempts";
    let running = "UPDATE runs SET cancel_requested = 1 WHERE id = $1 AND status = 'running'";
    // Twice, as the run may go back to the queue between the two statements.
    for _ in 0..2 {
        let rows = sqlx::query(queued).bind(id).bind(now_micros()).fetch_all(&database.pool).await?;
        if let Some(row) = rows.first() {
            return Ok(CancelResult::Ended { algorithm: algorithm_from_row(row)?, attempts: row.try_get("attempts")? });
        }
        if sqlx::query(running).bind(id).execute(&database.pool).await?.rows_affected() == 1 {
            return Ok(CancelResult::Requested);
        }
    }
    Ok(CancelResult::TooLate)
}

/// How many runs are queued and running.
pub async fn queue_depth(database: &Database) -> Result<QueueDepth> {
    let sql = "SELECT status, COUNT(*) AS hits FROM runs WHERE status IN ('queued', 'running') GROUP BY status";
    let mut depth = QueueDepth::default();
    for row in sqlx::query(sql).fetch_all(&database.pool).await? {
        let hits: i64 = row.try_get("hits")?;
        match row.try_get::<String, _>("status")?.parse::<RunStatus>().map_err(unreadable)? {
            RunStatus::Queued => depth.queued = hits,
            _ => depth.running = hits,
        }
    }
    Ok(depth)
}
