//! The jobs and their history over HTTP.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;

use super::Job;
use super::schedule::{Planned, make_due};
use super::statistics::{HISTORY, HISTORY_OF_JOB, Statistics};
use crate::database::{bounds, rfc3339};
use crate::error::{Error, Result};
use crate::request::{Json, Query, shown};
use crate::state::Shared;

/// The most runs one answer shows.
const MOST_RUNS: i64 = 500;

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    let routes = Router::new()
        .route("/jobs", get(list))
        .route("/jobs/status", get(status))
        .route("/jobs/stats/{job_name}", get(stats))
        .route("/jobs/{job_name}/run", post(run_now));
    routes.route_layer(from_fn(bounds::bound_answer))
}

/// Whether a job runs on this server, and why not.
#[derive(Serialize)]
struct Enabled {
    /// `enabled` or `disabled`.
    state: &'static str,
    disabled_reason: Option<String>,
}

impl Enabled {
    fn of(planned: &Planned) -> Self {
        let state = if planned.disabled.is_some() { "disabled" } else { "enabled" };
        Self { state, disabled_reason: planned.disabled.clone() }
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

async fn list(State(app): State<Shared>) -> Result<Json<Value>> {
    let due: Vec<(String, i64)> =
        sqlx::query_as("SELECT job_name, next_due_at FROM jobs").fetch_all(&app.database.pool).await?;
    let view = |planned: &Planned| {
        let Planned { job, plan, disabled } = planned;
        let due = due.iter().find(|(row, _)| *row == plan.row).filter(|_| disabled.is_none());
        JobView {
            job_name: job.name(),
            enabled: Enabled::of(planned),
            schedule: plan.recurrence.to_string(),
            time_zone: plan.zone.iana_name().unwrap_or("UTC").to_owned(),
            timeout_seconds: plan.timeout.as_secs_f64(),
            overlap: plan.overlap.as_str(),
            retries: plan.retries,
            next_due: due.map(|(_, due)| rfc3339(*due)),
        }
    };
    Ok(Json(json!({ "jobs": app.scheduler.planned().iter().map(view).collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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

async fn status(State(app): State<Shared>, Query(query): Query<StatusQuery>) -> Result<Json<Value>> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=MOST_RUNS).contains(&limit) {
        let detail = format!("limit: found {limit}, expected a whole number from 1 to {MOST_RUNS}");
        return Err(Error::BadRequest { code: "invalid_query", detail });
    }
    let pool = &app.database.pool;
    let rows = match &query.job_name {
        Some(name) => sqlx::query(HISTORY_OF_JOB).bind(known(name)?.name()).bind(limit).fetch_all(pool).await?,
        None => sqlx::query(HISTORY).bind(limit).fetch_all(pool).await?,
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

async fn stats(State(app): State<Shared>, Path(name): Path<String>) -> Result<Json<JobStats>> {
    let job = known(&name)?;
    let planned = app.scheduler.of(job);
    let known = Statistics::of(&app.database, job, &planned.plan.row).await?;
    Ok(Json(JobStats {
        job_name: job.name(),
        enabled: Enabled::of(planned),
        total_runs: known.ended() + known.under_way,
        successful_runs: known.totals.successful,
        failed_runs: known.totals.failed,
        aborted_runs: known.totals.aborted,
        success_rate: known.success_rate(),
        avg_duration_seconds: known.average_seconds(),
        p50_duration_seconds: known.percentile_seconds(0.5),
        p95_duration_seconds: known.percentile_seconds(0.95),
        max_duration_seconds: known.longest_seconds(),
        next_due: known.next_due_at.filter(|_| planned.disabled.is_none()).map(rfc3339),
        last_run: known.latest.as_ref().map(|(started_at, _)| rfc3339(*started_at)),
        last_status: known.latest.map(|(_, status)| status),
    }))
}

async fn run_now(State(app): State<Shared>, Path(name): Path<String>) -> Result<(StatusCode, Json<Value>)> {
    let job = known(&name)?;
    if let Some(reason) = &app.scheduler.of(job).disabled {
        let detail = format!("the job is disabled: {reason}");
        return Err(Error::Conflict { code: "job_disabled", detail });
    }
    make_due(&app, job).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job_name": job.name(), "status": "due" }))))
}

fn known(name: &str) -> Result<Job> {
    Job::named(name).ok_or_else(|| {
        let names = Job::ALL.map(Job::name).join(", ");
        Error::Unknown { detail: format!("there is no job {}; the jobs are {names}", shown(name)) }
    })
}
