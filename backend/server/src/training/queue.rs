//! The queue: rows of `runs` shared by every process on the database. Each change of a run's status is one guarded
//! statement, so that of several processes that try, one succeeds.
//!
//! A claim is known by its `worker_id`, `<instance>:<a fresh id>`. Whoever lost its claim can no longer write.

use std::time::Duration;

use belfry_learning::algorithm::{Algorithm, Task};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::settle::Ending;
use crate::database::{Database, Engine, bounds, micros, now_micros};
use crate::error::{Error, Result};
use crate::events::training::{QueueDepth, WorkFailed};

/// A run to be queued.
pub struct NewRun {
    pub id: String,
    pub dataset_id: String,
    pub target: String,
    pub algorithm: Algorithm,
    pub task: Option<Task>,
    pub params: Value,
    pub seed: u64,
    pub test_fraction: f64,
}

/// What training needs to know of a dataset.
pub struct Source {
    pub storage_key: String,
    pub gzip: bool,
}

/// A run that a worker has taken.
#[derive(Clone, Debug)]
pub struct Claim {
    pub run_id: String,
    /// Proves, in every later write, that the run is still this worker's.
    pub worker_id: String,
    pub dataset_id: String,
    pub target: String,
    pub algorithm: Algorithm,
    pub task: Option<Task>,
    pub params: Value,
    pub seed: u64,
    pub test_fraction: f64,
    /// From 1.
    pub attempt: i64,
    pub created_at: i64,
    pub started_at: i64,
}

/// The dataset of a run. It may be used for as long as it is there, its time over or not.
pub async fn source(database: &Database, dataset_id: &str) -> Result<Option<Source>> {
    let sql = "SELECT storage_key, format FROM datasets WHERE id = $1";
    let row = sqlx::query(sql).bind(dataset_id).fetch_optional(&database.pool).await?;
    row.map(|row| {
        let gzip = row.try_get::<String, _>("format")? == "csv.gz";
        Ok(Source { storage_key: row.try_get("storage_key")?, gzip })
    })
    .transpose()
}

/// Queues a run if its dataset still exists and there is room; false if not.
///
/// The dataset's row is locked meanwhile, so that it is not deleted between the look and the insert.
pub async fn insert(database: &Database, new: &NewRun, max_queued: u32) -> Result<bool> {
    // SQLite has one writer at a time and knows no row locks.
    let lock = if database.engine == Engine::Postgres { "FOR SHARE OF d" } else { "" };
    let sql = format!(
        "INSERT INTO runs (id, dataset_id, target, algorithm, task, params, seed, test_fraction, status, attempts, \
         cancel_requested, created_at) \
         SELECT $1, d.id, $3, $4, $5, $6, $7, $8, 'queued', 0, 0, $9 FROM datasets d \
         WHERE d.id = $2 AND (d.expires_at IS NULL OR d.expires_at > $9) AND d.removal_began_at IS NULL \
         AND (SELECT COUNT(*) FROM runs WHERE status = 'queued') < $10 {lock}"
    );
    let seed = i64::try_from(new.seed).map_err(|error| Error::Internal(error.into()))?;
    let inserted = sqlx::query(AssertSqlSafe(sql))
        .bind(&new.id)
        .bind(&new.dataset_id)
        .bind(&new.target)
        .bind(new.algorithm.as_str())
        .bind(new.task.map(Task::as_str))
        .bind(new.params.to_string())
        .bind(seed)
        .bind(new.test_fraction)
        .bind(now_micros())
        .bind(i64::from(max_queued))
        .execute(&database.pool)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Takes the run that waits longest, for `lease` from now.
pub async fn claim(database: &Database, instance: &str, lease: Duration) -> Result<Option<Claim>> {
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
        .bind(now.saturating_add(micros(lease)))
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
    let Some(row) = rows.first() else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let claim = claim_from_row(row, worker_id, now)?;
    // In the same transaction, so that no listener takes an earlier attempt's steps for this one's.
    sqlx::query("DELETE FROM run_progress WHERE run_id = $1").bind(&claim.run_id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Some(claim))
}

fn claim_from_row(row: &AnyRow, worker_id: String, started_at: i64) -> Result<Claim> {
    let internal = |error: &dyn std::fmt::Display| Error::Internal(anyhow::anyhow!("a run's row: {error}"));
    let algorithm: String = row.try_get("algorithm")?;
    let task: Option<String> = row.try_get("task")?;
    let params: String = row.try_get("params")?;
    Ok(Claim {
        run_id: row.try_get("id")?,
        worker_id,
        dataset_id: row.try_get("dataset_id")?,
        target: row.try_get("target")?,
        algorithm: Algorithm::parse(&algorithm, true).map_err(|error| internal(&error))?,
        task: task.map(|task| task.parse()).transpose().map_err(|error| internal(&error))?,
        params: serde_json::from_str(&params).map_err(|error| internal(&error))?,
        seed: row.try_get::<i64, _>("seed")?.try_into().map_err(|error| internal(&error))?,
        test_fraction: row.try_get("test_fraction")?,
        attempt: row.try_get("attempts")?,
        created_at: row.try_get("created_at")?,
        started_at,
    })
}

/// What a worker learns of its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The run is still its own.
    Kept,
    /// It is, and was asked to end.
    CancelRequested,
    /// The run was taken from it.
    Lost,
}

/// Keeps a claim for `lease` from now.
pub async fn extend(database: &Database, claim: &Claim, lease: Duration) -> Result<Hold> {
    let sql = "UPDATE runs SET lease_until = $1 WHERE id = $2 AND worker_id = $3 AND status = 'running' \
               RETURNING cancel_requested";
    let query =
        sqlx::query(sql).bind(now_micros().saturating_add(micros(lease))).bind(&claim.run_id).bind(&claim.worker_id);
    hold(&query.fetch_all(&database.pool).await?)
}

/// Looks at a claim without extending it.
pub async fn look(database: &Database, claim: &Claim) -> Result<Hold> {
    let sql = "SELECT cancel_requested FROM runs WHERE id = $1 AND worker_id = $2 AND status = 'running'";
    hold(&sqlx::query(sql).bind(&claim.run_id).bind(&claim.worker_id).fetch_all(&database.pool).await?)
}

fn hold(rows: &[AnyRow]) -> Result<Hold> {
    let Some(row) = rows.first() else { return Ok(Hold::Lost) };
    Ok(if row.try_get::<i64, _>("cancel_requested")? == 0 { Hold::Kept } else { Hold::CancelRequested })
}

/// Writes a run's end; false if the run was no longer this worker's.
pub async fn finish(database: &Database, claim: &Claim, ending: &Ending) -> Result<bool> {
    let sql = "UPDATE runs SET status = $3, outcome = $4, error_code = $5, error_message = $6, finished_at = $7, \
               task = COALESCE($8, task), scores = $9, report = $10, model_key = $11, model_size_bytes = $12, \
               model_sha256 = $13, lease_until = NULL WHERE id = $1 AND worker_id = $2 AND status = 'running'";
    let error = ending.error.as_ref();
    let report = ending.report.as_ref();
    let updated = sqlx::query(sql)
        .bind(&claim.run_id)
        .bind(&claim.worker_id)
        .bind(ending.status().as_str())
        .bind(ending.outcome.as_str())
        .bind(error.map(|error| error.0.clone()))
        .bind(error.map(|error| error.1.clone()))
        .bind(now_micros())
        .bind(report.map(|report| report.task.as_str()))
        .bind(report.map(|report| json(&report.scores)))
        .bind(report.map(json))
        .bind(ending.model_key.clone())
        .bind(report.and_then(|report| i64::try_from(report.model_size_bytes).ok()))
        .bind(report.map(|report| report.model_sha256.clone()))
        .execute(&database.pool)
        .await?;
    Ok(updated.rows_affected() == 1)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("numbers, texts and lists are JSON")
}

/// Puts a run back into the queue; false if it was no longer this worker's, or was asked to end.
///
/// A stop of the process does not use up an attempt (`uses_attempt`), everything else does.
pub async fn hand_back(database: &Database, claim: &Claim, uses_attempt: bool) -> Result<bool> {
    let sql = "UPDATE runs SET status = 'queued', attempts = attempts - $3, worker_id = NULL, lease_until = NULL, \
               started_at = NULL WHERE id = $1 AND worker_id = $2 AND status = 'running' AND cancel_requested = 0";
    let updated = sqlx::query(sql)
        .bind(&claim.run_id)
        .bind(&claim.worker_id)
        .bind(i64::from(!uses_attempt))
        .execute(&database.pool)
        .await?;
    Ok(updated.rows_affected() == 1)
}

/// Whether this claim ended its run with this model, as far as the database knows.
pub async fn has_ended(database: &Database, claim: &Claim, ending: &Ending) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS hits FROM runs WHERE id = $1 AND worker_id = $2 AND outcome = $3";
    let query = sqlx::query(sql).bind(&claim.run_id).bind(&claim.worker_id).bind(ending.outcome.as_str());
    Ok(query.fetch_one(&database.pool).await?.try_get::<i64, _>("hits")? == 1)
}

/// Whether a run's row refers to this model.
pub async fn refers_to(database: &Database, run_id: &str, model_key: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS hits FROM runs WHERE id = $1 AND model_key = $2";
    let row = sqlx::query(sql).bind(run_id).bind(model_key).fetch_one(&database.pool).await?;
    Ok(row.try_get::<i64, _>("hits")? == 1)
}

/// What became of the wish to cancel a run.
pub enum Cancelled {
    /// It waited and has ended now.
    Waiting { algorithm: String, attempts: i64 },
    /// It runs and was asked to end.
    Asked,
    /// It had ended, or there is no such run.
    TooLate,
}

/// Cancels a run.
pub async fn cancel(database: &Database, id: &str) -> Result<Cancelled> {
    let waiting = "UPDATE runs SET status = 'cancelled', outcome = 'cancelled', cancel_requested = 1, finished_at = $2, \
                   error_code = 'cancelled', error_message = 'the run was cancelled' \
                   WHERE id = $1 AND status = 'queued' RETURNING algorithm, attempts";
    let running = "UPDATE runs SET cancel_requested = 1 WHERE id = $1 AND status = 'running'";
    // Twice, as it may go back to the queue between the two looks.
    for _ in 0..2 {
        let rows = sqlx::query(waiting).bind(id).bind(now_micros()).fetch_all(&database.pool).await?;
        if let Some(row) = rows.first() {
            return Ok(Cancelled::Waiting { algorithm: row.try_get("algorithm")?, attempts: row.try_get("attempts")? });
        }
        if sqlx::query(running).bind(id).execute(&database.pool).await?.rows_affected() == 1 {
            return Ok(Cancelled::Asked);
        }
    }
    Ok(Cancelled::TooLate)
}

/// Sets the queue's gauge to what the database holds, which is the same on every process.
pub async fn emit_depth(database: &Database) {
    match bounds::for_answer(depth(database)).await {
        Ok(depth) => depth.emit(),
        Err(error) => {
            QueueDepth::forget();
            WorkFailed { what: "the queue's depth could not be read", cause: &error }.emit();
        }
    }
}

async fn depth(database: &Database) -> Result<QueueDepth> {
    let sql = "SELECT status, COUNT(*) AS hits FROM runs WHERE status IN ('queued', 'running') GROUP BY status";
    let mut depth = QueueDepth::default();
    for row in sqlx::query(sql).fetch_all(&database.pool).await? {
        let hits: i64 = row.try_get("hits")?;
        match row.try_get::<String, _>("status")?.as_str() {
            "queued" => depth.queued = hits,
            _ => depth.running = hits,
        }
    }
    Ok(depth)
}
