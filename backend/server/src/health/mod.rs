//! Health: the four endpoints that show what the checks found. Which checks there are stands in `checks.rs`.

mod cgroup;
mod checks;
mod dependencies;
pub mod resources;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use belfry_telemetry::health::{self, ServiceStatus};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

pub use checks::{DEADLINE, StandsOn, checks};
pub use resources::Resources;

use crate::database::{now_micros, rfc3339};
use crate::request::Json;
use crate::state::{App, Shared};
use resources::{Level, Reading, Usage};

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
    let mut last = ServiceStatus::Ok;
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let report = app.checks.report().await;
        if report.status != last {
            last = report.status;
            let status: &str = last.into();
            match report.failing() {
                failing if failing.is_empty() => tracing::info!(status, "health is well again"),
                failing => tracing::warn!(status, failing, "health has changed"),
            }
        }
    }
}

async fn health(State(app): State<Shared>) -> Response {
    health::full_report(app.checks.report().await).into_response()
}

async fn healthz(State(app): State<Shared>) -> (StatusCode, Json<Value>) {
    let (report, disk, memory) =
        tokio::join!(app.checks.report_required(), app.resources.disk(), app.resources.memory());
    let database = &report.checks["database"];
    let database_level = if database.healthy == Some(true) { Level::Ok } else { Level::Error };
    let level = |reading: &Reading| reading.as_ref().map_or(Level::Error, Usage::level);
    let worst = database_level.max(level(&disk)).max(level(&memory));
    let healthy = worst != Level::Error;
    let body = json!({
        "status": worst.as_str(),
        "healthy": healthy,
        "checks": {
            "database": { "status": database_level.as_str(), "message": database.message },
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

async fn readyz(State(app): State<Shared>) -> Response {
    if app.draining.is_cancelled() {
        let stopping = json!({ "ready": false, "message": "stopping" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(stopping)).into_response();
    }
    health::readiness(&app.checks.report_required().await).into_response()
}
