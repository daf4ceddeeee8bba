//! Runs of scheduled jobs, and waiting for them.

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::Value;

use crate::api::support::server::{PATIENCE, Server};

/// The jobs that run at the first start.
pub const AT_ONCE: [&str; 9] = [
    "ttl_cleanup",
    "run_reaper",
    "job_history_retention",
    "alert_retention",
    "audit_retention",
    "orphan_sweep",
    "backup_retention",
    "business_snapshot",
    "resource_check",
];

/// The runs of a job, latest first.
pub async fn runs_of(server: &Server, job_name: &str) -> Vec<Value> {
    let answer = server.json(&format!("/jobs/status?job_name={job_name}")).await;
    answer["jobs"].as_array().unwrap().clone()
}

/// Waits until a job has this many ended runs, and returns them, latest first. Just after an outage the database may not be available
/// yet.
pub async fn await_runs(server: &Server, job_name: &str, count: usize) -> Vec<Value> {
    let path = format!("/jobs/status?job_name={job_name}");
    eventually(&format!("{job_name} ends {count} times"), PATIENCE, async || {
        if server.get(&path).await.status() == StatusCode::SERVICE_UNAVAILABLE {
            return Err("the database is not available".to_owned());
        }
        let runs = runs_of(server, job_name).await;
        let ended: Vec<Value> = runs.into_iter().filter(|run| run["status"] != "running").collect();
        if ended.len() >= count { Ok(ended) } else { Err(format!("it ended {} times", ended.len())) }
    })
    .await
}
