//! Taking back the runs of lost workers.

use belfry_learning::algorithm::Algorithm;
use belfry_learning::outcome::Outcome;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::algorithm_from_row;
use crate::database::{Database, now_micros};
use crate::error::Result;

/// A run that was taken back from a lost worker.
pub struct ReapedRun {
    pub id: String,
    pub algorithm: Algorithm,
    pub attempts: i64,
    pub started_at: Option<i64>,
}

/// The runs that were taken back.
#[derive(Default)]
pub struct ReapedRuns {
    pub requeued: Vec<ReapedRun>,
    pub ended: Vec<(ReapedRun, Outcome)>,
}

/// Takes back running runs: those of the dead process `instance`, or without one those whose lease has expired or expires
/// later than `latest_lease`. They are queued again, or end: cancelled if that was requested, interrupted if it was their
/// last attempt.
pub async fn take_back_runs(
    database: &Database,
    instance: Option<&str>,
    latest_lease: i64,
    max_attempts: u32,
) -> Result<ReapedRuns> {
    // Each names every parameter, so that one list of values fits both.
    let abandoned = match instance {
        Some(_) => "status = 'running' AND worker_id LIKE $1 AND $2 <= $4",
        None => "status = 'running' AND $1 = '' AND (lease_until < $2 OR lease_until > $4)",
    };
    let worker_ids = instance.map(|instance| format!("{instance}:%")).unwrap_or_default();
    let end = |status: &str, code: &str, message: &str, which: &str| {
        format!(
            "UPDATE runs SET status = '{status}', outcome = '{code}', error_code = '{code}', error_message = '{message}', \
             finished_at = $2, lease_until = NULL WHERE {abandoned} AND {which} \
             RETURNING id, algorithm, attempts, started_at"
        )
    };
    let cancelled = end("cancelled", "cancelled", "the run was cancelled", "cancel_requested = 1 AND $3 > 0");
    let message = "the process that trained the run ended, as at every attempt before";
    let interrupted = end("failed", "interrupted", message, "cancel_requested = 0 AND attempts >= $3");
    let requeued = format!(
        "UPDATE runs SET status = 'queued', worker_id = NULL, lease_until = NULL, started_at = NULL \
         WHERE {abandoned} AND cancel_requested = 0 AND attempts < $3 RETURNING id, algorithm, attempts, started_at"
    );
    let now = now_micros();
    let max_attempts = i64::from(max_attempts);
    let mut reaped = ReapedRuns::default();
    // In one transaction, so that all that is returned has happened, or nothing.
    let mut transaction = database.begin().await?;
    let query = sqlx::query(AssertSqlSafe(cancelled)).bind(&worker_ids).bind(now).bind(max_attempts).bind(latest_lease);
    for row in &query.fetch_all(&mut *transaction).await? {
        reaped.ended.push((reaped_from_row(row)?, Outcome::Cancelled));
    }
    let query =
        sqlx::query(AssertSqlSafe(interrupted)).bind(&worker_ids).bind(now).bind(max_attempts).bind(latest_lease);
    for row in &query.fetch_all(&mut *transaction).await? {
        reaped.ended.push((reaped_from_row(row)?, Outcome::Interrupted));
    }
    let query = sqlx::query(AssertSqlSafe(requeued)).bind(&worker_ids).bind(now).bind(max_attempts).bind(latest_lease);
    for row in &query.fetch_all(&mut *transaction).await? {
        reaped.requeued.push(reaped_from_row(row)?);
    }
    transaction.commit().await?;
    Ok(reaped)
}

fn reaped_from_row(row: &AnyRow) -> Result<ReapedRun> {
    Ok(ReapedRun {
        id: row.try_get("id")?,
        // One that this version does not know is no reason to leave the others unreaped; its label is `other`.
        algorithm: algorithm_from_row(row).unwrap_or(Algorithm::Fake),
        attempts: row.try_get("attempts")?,
        started_at: row.try_get("started_at")?,
    })
}
