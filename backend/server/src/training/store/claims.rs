//! Claims: the right of one worker to a run, until its lease expires. A claim is proven by its `worker_id`,
//! `<instance>:<a fresh id>`; a worker that lost its claim can no longer write.

use std::time::Duration;

use belfry_learning::protocol::RunSpec;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::database::{Database, now_micros};
use crate::error::Result;
use crate::leases::lease_until;
use crate::training::run_end::RunEnd;

/// A run that a worker has claimed.
#[derive(Clone, Debug)]
pub struct Claim {
    pub run_id: String,
    /// Proves, in every later write, that the run is still this worker's.
    pub worker_id: String,
    pub spec: RunSpec,
    /// From 1.
    pub attempt: i64,
    pub created_at: i64,
    pub started_at: i64,
}

/// The state of a claim in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// The run is still this worker's.
    Valid,
    /// It is, and a client has cancelled it.
    CancelRequested,
    /// The run is not this worker's any more.
    Lost,
}

/// Extends a claim's lease to `lease` from now.
pub async fn renew_claim(database: &Database, claim: &Claim, lease: Duration) -> Result<ClaimState> {
    let sql = "UPDATE runs SET lease_until = $1 WHERE id = $2 AND worker_id = $3 AND status = 'running' \
               RETURNING cancel_requested";
    let query = sqlx::query(sql).bind(lease_until(now_micros(), lease)).bind(&claim.run_id).bind(&claim.worker_id);
    claim_state(&query.fetch_all(&database.pool).await?)
}

/// Reads a claim's state without extending its lease.
pub async fn check_claim(database: &Database, claim: &Claim) -> Result<ClaimState> {
    let sql = "SELECT cancel_requested FROM runs WHERE id = $1 AND worker_id = $2 AND status = 'running'";
    claim_state(&sqlx::query(sql).bind(&claim.run_id).bind(&claim.worker_id).fetch_all(&database.pool).await?)
}

fn claim_state(rows: &[AnyRow]) -> Result<ClaimState> {
    let Some(row) = rows.first() else { return Ok(ClaimState::Lost) };
    let cancel_requested = row.try_get::<i64, _>("cancel_requested")? != 0;
    Ok(if cancel_requested { ClaimState::CancelRequested } else { ClaimState::Valid })
}

/// Puts a run back into the queue; false if the claim was lost, or a client has cancelled the run.
///
/// A shutdown of the server, and a machine without a process for it, do not use up an attempt (`uses_attempt`), everything
/// else does.
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

/// Writes a run's end; false if the claim was lost.
pub async fn write_end(database: &Database, claim: &Claim, end: &RunEnd) -> Result<bool> {
    let sql = "UPDATE runs SET status = $3, outcome = $4, error_code = $5, error_message = $6, finished_at = $7, \
               task = COALESCE($8, task), scores = $9, report = $10, model_key = $11, model_size_bytes = $12, \
               model_sha256 = $13, lease_until = NULL WHERE id = $1 AND worker_id = $2 AND status = 'running'";
    let error = end.error.as_ref();
    let report = end.report.as_ref();
    let updated = sqlx::query(sql)
        .bind(&claim.run_id)
        .bind(&claim.worker_id)
        .bind(end.status().name())
        .bind(end.outcome.name())
        .bind(error.map(|error| error.0.clone()))
        .bind(error.map(|error| error.1.clone()))
        .bind(now_micros())
        .bind(report.map(|report| report.result.task.name()))
        .bind(report.map(|report| to_json(&report.result.scores)))
        .bind(report.map(to_json))
        .bind(end.model_key.clone())
        .bind(report.and_then(|report| i64::try_from(report.model_size_bytes).ok()))
        .bind(report.map(|report| report.model_sha256.clone()))
        .execute(&database.pool)
        .await?;
    Ok(updated.rows_affected() == 1)
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers, texts and lists are JSON")
}

/// Whether this claim has written this end already.
pub async fn is_end_written(database: &Database, claim: &Claim, end: &RunEnd) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS hits FROM runs WHERE id = $1 AND worker_id = $2 AND outcome = $3";
    let query = sqlx::query(sql).bind(&claim.run_id).bind(&claim.worker_id).bind(end.outcome.name());
    Ok(query.fetch_one(&database.pool).await?.try_get::<i64, _>("hits")? == 1)
}

/// Whether a run's row names this model.
pub async fn names_model(database: &Database, run_id: &str, model_key: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS hits FROM runs WHERE id = $1 AND model_key = $2";
    let row = sqlx::query(sql).bind(run_id).bind(model_key).fetch_one(&database.pool).await?;
    Ok(row.try_get::<i64, _>("hits")? == 1)
}
