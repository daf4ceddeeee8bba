//! Health: the four endpoints that show what the checks found. The checks are in `checks.rs`.

mod checks;
mod dependencies;

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use belfry_telemetry::health::{self, ServiceStatus};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

pub use checks::{DEADLINE, Dependencies, checks};

use crate::database::{now_micros, rfc3339};
use crate::request::Json;
use crate::resources::{Level, Reading, Usage};
use crate::state::{App, Shared};

/// How often the checks run when nobody asks, so that their metrics are true.
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// Runs the checks now and then until the process stops.
pub async fn watch(app: Shared) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = ServiceStatus::Ok;
    loop {
        tokio::select! {
            () = app.shutdown.stopping.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let report = app.checks.report().await;
        if report.status != last {
            last = report.status;
            let status: &str = last.into();
            match report.failing() {
                failing if failing.is_empty() => tracing::info!(status, "health recovered"),
                failing => tracing::warn!(status, failing, "health changed"),
            }
        }
    }
}

/// `GET /health`: every check.
pub async fn health(State(app): State<Shared>) -> Response {
    health::full_report(app.checks.report().await).into_response()
}

/// `GET /healthz`: database, disk and memory in one response.
pub async fn healthz(State(app): State<Shared>) -> (StatusCode, Json<Value>) {
    let (report, disk, memory) =
        tokio::join!(app.checks.report_required(), app.resources.disk(), app.resources.memory());
    let database = &report.checks["database"];
    let database_level = if database.healthy == Some(true) { Level::Ok } else { Level::Error };
    let level = |reading: &Reading| reading.as_ref().map_or(Level::Error, Usage::level);
    let worst = database_level.max(level(&disk)).max(level(&memory));
    let healthy = worst != Level::Error;
    let body = json!({
        "status": <&str>::from(worst),
        "healthy": healthy,
        "checks": {
            "database": { "status": <&str>::from(database_level), "message": database.message },
            "disk": shown(&disk),
            "memory": shown(&memory),
            "uptime": uptime(&app),
            "timestamp": rfc3339(now_micros()),
        },
    });
    (if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

fn shown(reading: &Reading) -> Value {
    match reading {
        Ok(usage) => json!({
            "status": <&str>::from(usage.level()),
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

/// `GET /livez`: whether the process responds.
pub async fn livez() -> &'static str {
    "ok"
}

/// `GET /readyz`: whether requests should come here.
pub async fn readyz(State(app): State<Shared>) -> Response {
    if app.shutdown.draining.is_cancelled() {
        let stopping = json!({ "ready": false, "message": "stopping" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(stopping)).into_response();
    }
    health::readiness(&app.checks.report_required().await).into_response()
}
