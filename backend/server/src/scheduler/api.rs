//! The jobs and their history over HTTP.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;

use super::Scheduler;
use super::job::PlannedJob;
use super::statistics::{HISTORY, HISTORY_OF_JOB, Statistics};
use crate::database::rfc3339;
use crate::error::{Error, Result};
use crate::request::{Json, Query, shown};

/// The most runs in one response.
const MAX_RUNS: i64 = 500;

/// Whether a job runs on this server, and why not.
#[derive(Serialize)]
struct Enabled {
    /// `enabled` or `disabled`.
    state: &'static str,
    disabled_reason: Option<String>,
}

impl Enabled {
    fn on_this_server(job: &PlannedJob) -> Self {
        let state = if job.disabled_reason.is_some() { "disabled" } else { "enabled" };
        Self { state, disabled_reason: job.disabled_reason.clone() }
    }
}

/// A job and its plan.
#[derive(Serialize)]
struct JobView {
    job_name: &'static str,
    #[serde(flatten)]
    enabled: Enabled,
    schedule: String,
    time_zone: String,
    timeout_seconds: f64,
    overlap: &'static str,
    retries: u32,
    next_due: Option<String>,
}

/// `GET /jobs`: every job with its plan.
pub async fn list(State(scheduler): State<Arc<Scheduler>>) -> Result<Json<Value>> {
    let due: Vec<(String, i64)> =
        sqlx::query_as("SELECT job_name, next_due_at FROM jobs").fetch_all(&scheduler.options.database.pool).await?;
    let view = |job: &PlannedJob| {
        let PlannedJob { name, row, plan, disabled_reason, .. } = job;
        let due = due.iter().find(|(due_row, _)| due_row == row).filter(|_| disabled_reason.is_none());
        JobView {
            job_name: name,
            enabled: Enabled::on_this_server(job),
            schedule: plan.recurrence.to_string(),
            time_zone: plan.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            timeout_seconds: plan.timeout.as_secs_f64(),
            overlap: plan.overlap.into(),
            retries: plan.retries,
            next_due: due.map(|(_, due)| rfc3339(*due)),
        }
    };
    Ok(Json(json!({ "jobs": scheduler.jobs.iter().map(view).collect::<Vec<_>>() })))
}

/// Which runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusQuery {
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

/// `GET /jobs/status`: the latest runs, of one job with `job_name`.
pub async fn status(State(scheduler): State<Arc<Scheduler>>, Query(query): Query<StatusQuery>) -> Result<Json<Value>> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=MAX_RUNS).contains(&limit) {
        let detail = format!("limit: found {limit}, expected a whole number from 1 to {MAX_RUNS}");
        return Err(Error::BadRequest { code: "invalid_query", detail });
    }
    let pool = &scheduler.options.database.pool;
    let rows = match &query.job_name {
        Some(name) => {
            sqlx::query(HISTORY_OF_JOB).bind(known_job(&scheduler, name)?.name).bind(limit).fetch_all(pool).await?
        }
        None => sqlx::query(HISTORY).bind(limit).fetch_all(pool).await?,
    };
    let jobs = rows.iter().map(run_view).collect::<Result<Vec<_>>>()?;
    Ok(Json(json!({ "jobs": jobs })))
}

fn run_view(row: &sqlx::any::AnyRow) -> Result<JobRunView> {
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
pub struct JobStats {
    job_name: &'static str,
    #[serde(flatten)]
    enabled: Enabled,
    /// All runs ever, also those whose rows are forgotten.
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

/// `GET /jobs/stats/{job_name}`.
pub async fn stats(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>) -> Result<Json<JobStats>> {
    let job = known_job(&scheduler, &name)?;
    let read = Statistics::read(&scheduler.options.database, job.name, &job.row).await?;
    Ok(Json(JobStats {
        job_name: job.name,
        enabled: Enabled::on_this_server(job),
        total_runs: read.ended() + read.in_flight,
        successful_runs: read.totals.successful,
        failed_runs: read.totals.failed,
        aborted_runs: read.totals.aborted,
        success_rate: read.success_rate(),
        avg_duration_seconds: read.average_seconds(),
        p50_duration_seconds: read.percentile_seconds(0.5),
        p95_duration_seconds: read.percentile_seconds(0.95),
        max_duration_seconds: read.longest_seconds(),
        next_due: read.next_due_at.filter(|_| job.disabled_reason.is_none()).map(rfc3339),
        last_run: read.latest.as_ref().map(|(started_at, _)| rfc3339(*started_at)),
        last_status: read.latest.map(|(_, status)| status),
    }))
}

/// `POST /jobs/{job_name}/run`: makes the job due now.
pub async fn run_now(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>)> {
    let job = known_job(&scheduler, &name)?;
    if let Some(reason) = &job.disabled_reason {
        let detail = format!("the job is disabled: {reason}");
        return Err(Error::Conflict { code: "job_disabled", detail });
    }
    scheduler.request_run(job).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job_name": job.name, "status": "due" }))))
}

fn known_job<'s>(scheduler: &'s Scheduler, name: &str) -> Result<&'s PlannedJob> {
    scheduler.job_named(name).ok_or_else(|| {
        let names = scheduler.jobs.iter().map(|job| job.name).collect::<Vec<_>>().join(", ");
        Error::Unknown { detail: format!("there is no job {}; the jobs are {names}", shown(name)) }
    })
}
