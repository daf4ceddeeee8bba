//! Health: the four endpoints that show what the checks found. Which checks there are stands in `checks.rs`.

mod cgroup;
mod checks;
mod dependencies;
pub mod resources;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use belfry_telemetry::health::Report;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

pub use checks::{StandsOn, checks, disk_usage, memory_usage};

use crate::app::{App, Shared};
use crate::database::{now_micros, rfc3339};
use crate::request::Json;
use resources::{Level, Usage};

/// How often the checks run when nobody asks, so that their metrics are true.
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// The routes of this feature.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/health", get(health))
        .route("/healthz", get(healthz))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
}

/// Runs the checks now and then until the process stops.
pub async fn watch(app: Shared) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = "ok";
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let report = app.checks.report().await;
        if report.status != last {
            last = report.status;
            tracing::warn!(status = last, failing = report.failing(), "health has changed");
        }
    }
}

async fn health(State(app): State<Shared>) -> (StatusCode, Json<Report>) {
    let report = app.checks.report().await;
    (status_of(report.is_serving()), Json(report))
}

async fn healthz(State(app): State<Shared>) -> (StatusCode, Json<Value>) {
    let (disk, memory) = (disk_usage(&app.config), memory_usage(&app.config));
    let (report, disk, memory) = tokio::join!(app.checks.report_required(), disk, memory);
    let database = report.checks.get("database").is_some_and(|check| check.healthy == Some(true));
    let level = |usage: &Result<Usage, String>| usage.as_ref().map_or(Level::Error, Usage::level);
    let database_level = if database { Level::Ok } else { Level::Error };
    let worst = database_level.max(level(&disk)).max(level(&memory));
    let healthy = worst != Level::Error;
    let body = json!({
        "status": worst.as_str(),
        "healthy": healthy,
        "checks": {
            "database": { "status": database_level.as_str(), "message": report.checks["database"].message },
            "disk": shown(&disk),
            "memory": shown(&memory),
            "uptime": uptime(&app),
            "timestamp": rfc3339(now_micros()),
        },
    });
    (status_of(healthy), Json(body))
}

fn shown(usage: &Result<Usage, String>) -> Value {
    match usage {
        Ok(usage) => json!({
            "status": usage.level().as_str(),
            "message": usage.to_string(),
            "used_percent": (usage.used_percent() * 10.0).round() / 10.0,
            "used_bytes": usage.used_bytes,
            "total_bytes": usage.total_bytes,
        }),
        Err(message) => json!({ "status": "error", "message": message }),
    }
}

fn uptime(app: &App) -> Value {
    let elapsed = app.started.elapsed();
    let text = humantime::format_duration(Duration::from_secs(elapsed.as_secs())).to_string();
    json!({ "seconds": elapsed.as_secs_f64(), "text": text })
}

async fn livez() -> &'static str {
    "ok"
}

async fn readyz(State(app): State<Shared>) -> (StatusCode, Json<Value>) {
    if app.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "message": "stopping" })));
    }
    let report = app.checks.report_required().await;
    let message = if report.is_serving() { "serving".to_owned() } else { report.failing() };
    (status_of(report.is_serving()), Json(json!({ "ready": report.is_serving(), "message": message })))
}

fn status_of(healthy: bool) -> StatusCode {
    if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
