//! The history of scheduled jobs over HTTP.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;

use super::Job;
use super::schedule::make_due;
use crate::app::Shared;
use crate::database::{Database, rfc3339};
use crate::error::{Error, Result};
use crate::request::{Json, Query};

/// The most runs one answer shows.
const MOST_RUNS: i64 = 500;

/// How many of the latest runs the percentiles are taken from; bounds the work at a million rows.
const SAMPLE: i64 = 1_000;

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/jobs/status", get(status))
        .route("/jobs/stats/{job_name}", get(stats))
        .route("/jobs/{job_name}/run", post(run_now))
}

#[derive(Deserialize)]
struct StatusQuery {
    job_name: Option<String>,
    limit: Option<i64>,
}

#[derive(Serialize)]
struct JobRunView {
    id: String,
    job_name: String,
    started_at: String,
    finished_at: Option<String>,
    status: String,
    duration_seconds: Option<f64>,
    error_message: Option<String>,
    metadata: Option<Value>,
}

const RUN_COLUMNS: &str =
    "SELECT id, job_name, started_at, finished_at, status, duration_seconds, error_message, metadata FROM job_runs";

async fn status(State(app): State<Shared>, Query(query): Query<StatusQuery>) -> Result<Json<Value>> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=MOST_RUNS).contains(&limit) {
        let detail = format!("limit: found {limit}, expected a whole number from 1 to {MOST_RUNS}");
        return Err(Error::BadRequest { code: "invalid_query", detail });
    }
    let rows = match &query.job_name {
        Some(name) => {
            let job = known(name)?;
            let sql = format!("{RUN_COLUMNS} WHERE job_name = $1 ORDER BY started_at DESC LIMIT $2");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(job.name()).bind(limit).fetch_all(&app.database.pool).await?
        }
        None => {
            let sql = format!("{RUN_COLUMNS} ORDER BY started_at DESC LIMIT $1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(&app.database.pool).await?
        }
    };
    let jobs = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
    Ok(Json(json!({ "jobs": jobs })))
}

fn view(row: &sqlx::any::AnyRow) -> Result<JobRunView> {
    Ok(JobRunView {
        id: row.try_get("id")?,
        job_name: row.try_get("job_name")?,
        started_at: rfc3339(row.try_get("started_at")?),
        finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(rfc3339),
        status: row.try_get("status")?,
        duration_seconds: row.try_get("duration_seconds")?,
        error_message: row.try_get("error_message")?,
        metadata: row.try_get::<Option<String>, _>("metadata")?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// What the runs of a job add up to.
#[derive(Serialize)]
struct JobStats {
    job_name: &'static str,
    total_runs: i64,
    successful_runs: i64,
    failed_runs: i64,
    aborted_runs: i64,
    /// Of the runs that ended; null before the first.
    success_rate: Option<f64>,
    avg_duration_seconds: Option<f64>,
    p50_duration_seconds: Option<f64>,
    p95_duration_seconds: Option<f64>,
    max_duration_seconds: Option<f64>,
    last_run: Option<String>,
    last_status: Option<String>,
    next_due: Option<String>,
}

async fn stats(State(app): State<Shared>, Path(name): Path<String>) -> Result<Json<JobStats>> {
    let job = known(&name)?;
    let database = &app.database;
    let counts: Vec<(String, i64)> =
        sqlx::query_as("SELECT status, COUNT(*) FROM job_runs WHERE job_name = $1 GROUP BY status")
            .bind(job.name())
            .fetch_all(&database.pool)
            .await?;
    let count = |wanted: &str| counts.iter().find(|(status, _)| status == wanted).map_or(0, |(_, count)| *count);
    let (successful, failed, aborted) = (count("success"), count("failed"), count("aborted"));
    let ended = successful + failed + aborted;
    let durations = latest_durations(database, job).await?;
    let last: Option<(i64, String)> =
        sqlx::query_as("SELECT started_at, status FROM job_runs WHERE job_name = $1 ORDER BY started_at DESC LIMIT 1")
            .bind(job.name())
            .fetch_optional(&database.pool)
            .await?;
    let due: Option<i64> = sqlx::query_scalar("SELECT next_due_at FROM jobs WHERE job_name = $1")
        .bind(job.name())
        .fetch_optional(&database.pool)
        .await?;
    Ok(Json(JobStats {
        job_name: job.name(),
        total_runs: counts.iter().map(|(_, count)| count).sum(),
        successful_runs: successful,
        failed_runs: failed,
        aborted_runs: aborted,
        success_rate: (ended > 0).then(|| successful as f64 / ended as f64),
        avg_duration_seconds: (!durations.is_empty()).then(|| durations.iter().sum::<f64>() / durations.len() as f64),
        p50_duration_seconds: percentile(&durations, 0.5),
        p95_duration_seconds: percentile(&durations, 0.95),
        max_duration_seconds: durations.last().copied(),
        last_run: last.as_ref().map(|(started_at, _)| rfc3339(*started_at)),
        last_status: last.map(|(_, status)| status),
        next_due: due.map(rfc3339),
    }))
}

/// Durations of the latest runs that ended, in seconds, ascending.
async fn latest_durations(database: &Database, job: Job) -> Result<Vec<f64>> {
    let mut durations: Vec<f64> = sqlx::query_scalar(
        "SELECT duration_seconds FROM job_runs WHERE job_name = $1 AND duration_seconds IS NOT NULL \
         ORDER BY started_at DESC LIMIT $2",
    )
    .bind(job.name())
    .bind(SAMPLE)
    .fetch_all(&database.pool)
    .await?;
    durations.sort_by(f64::total_cmp);
    Ok(durations)
}

/// The nearest-rank percentile of ascending values.
fn percentile(ascending: &[f64], share: f64) -> Option<f64> {
    let rank = (share * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.saturating_sub(1)).copied()
}

async fn run_now(State(app): State<Shared>, Path(name): Path<String>) -> Result<(StatusCode, Json<Value>)> {
    let job = known(&name)?;
    make_due(&app, job).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job_name": job.name(), "status": "due" }))))
}

fn known(name: &str) -> Result<Job> {
    Job::named(name).ok_or(Error::NotFound("job"))
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&values, 0.5), Some(2.0));
        assert_eq!(percentile(&values, 0.95), Some(4.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
