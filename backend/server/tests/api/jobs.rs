//! Scheduled jobs and their history.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{PATIENCE, Server, problem};

async fn runs_of(server: &Server, job_name: &str) -> Vec<Value> {
    let answer = server.json(&format!("/jobs/status?job_name={job_name}")).await;
    answer["jobs"].as_array().unwrap().clone()
}

/// Waits until a job has this many ended runs, and returns them, latest first.
pub async fn await_runs(server: &Server, job_name: &str, count: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let runs = runs_of(server, job_name).await;
        let ended: Vec<Value> = runs.into_iter().filter(|run| run["status"] != "running").collect();
        if ended.len() >= count {
            return ended;
        }
        assert!(started.elapsed() < PATIENCE, "{job_name} ended {} times, not {count}", ended.len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn every_job_runs_at_the_first_start_and_is_on_record() {
    let server = Server::start().await;
    for job_name in ["ttl_cleanup", "run_reaper", "job_history_retention", "orphan_sweep"] {
        let run = await_runs(&server, job_name, 1).await.remove(0);
        assert_eq!(run["status"], "success", "{run}");
        assert!(run["duration_seconds"].as_f64().unwrap() >= 0.0);
        assert!(run["finished_at"].as_str().unwrap() >= run["started_at"].as_str().unwrap());
        assert!(run["metadata"].is_object());
        server.await_metric(&format!(r#"scheduler_jobs_total{{job_name="{job_name}",status="success"}}"#), 1.0).await;
    }
}

#[tokio::test]
async fn a_job_can_be_run_at_once_and_its_statistics_add_up() {
    let server = Server::start_with(&[("CLEANUP__INTERVAL", "1h")]).await;
    await_runs(&server, "ttl_cleanup", 1).await;
    let answer = server.post("/jobs/ttl_cleanup/run", &json!({})).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    await_runs(&server, "ttl_cleanup", 2).await;
    let stats = server.json("/jobs/stats/ttl_cleanup").await;
    assert_eq!(stats["total_runs"], 2);
    assert_eq!(stats["successful_runs"], 2);
    assert_eq!(stats["failed_runs"], 0);
    assert_eq!(stats["success_rate"], 1.0);
    assert_eq!(stats["last_status"], "success");
    for key in ["avg_duration_seconds", "p50_duration_seconds", "p95_duration_seconds", "max_duration_seconds"] {
        assert!(stats[key].is_f64(), "{key}: {stats}");
    }
    assert!(stats["next_due"].as_str().unwrap() > stats["last_run"].as_str().unwrap());
}

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    let server = Server::start().await;
    problem(server.get("/jobs/stats/nothing").await, StatusCode::NOT_FOUND, "not_found").await;
    problem(server.get("/jobs/status?job_name=nothing").await, StatusCode::NOT_FOUND, "not_found").await;
    problem(server.post("/jobs/nothing/run", &json!({})).await, StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn a_limit_out_of_range_is_refused() {
    let server = Server::start().await;
    for limit in ["0", "-1", "501", "many"] {
        let answer = server.get(&format!("/jobs/status?limit={limit}")).await;
        problem(answer, StatusCode::BAD_REQUEST, "invalid_query").await;
    }
    await_runs(&server, "ttl_cleanup", 1).await;
    assert_eq!(server.json("/jobs/status?limit=1").await["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_restarted_server_keeps_the_history_and_the_schedule() {
    let mut server = Server::start_with(&[("CLEANUP__INTERVAL", "1h")]).await;
    let before = await_runs(&server, "ttl_cleanup", 1).await;
    server.kill_and_restart();
    assert_eq!(runs_of(&server, "ttl_cleanup").await, before, "it is not due for an hour");
}

#[tokio::test]
async fn a_file_that_no_row_knows_is_swept_and_the_others_stay() {
    let server = Server::start().await;
    let known = server.client.post(format!("{}/api/v1/datasets", server.url)).body("a,b\n1,x\n2,y\n");
    let known: Value = known.header("content-type", "text/csv").send().await.unwrap().json().await.unwrap();
    await_runs(&server, "orphan_sweep", 1).await;
    let folder = server.folder.path().join("files/datasets");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    for (name, time) in [("left-behind", old), ("half-written#1", old), ("just-written", std::time::SystemTime::now())]
    {
        let file = std::fs::File::create(folder.join(name)).unwrap();
        file.set_modified(time).unwrap();
    }
    server.post("/jobs/orphan_sweep/run", &json!({})).await;
    let run = await_runs(&server, "orphan_sweep", 2).await.remove(0);
    assert_eq!(run["metadata"], json!({ "orphans": 1, "half_written": 1 }), "{run}");
    assert!(!folder.join("left-behind").exists() && !folder.join("half-written#1").exists());
    assert!(folder.join("just-written").exists());
    let content = server.get(&format!("/api/v1/datasets/{}/content", known["id"].as_str().unwrap())).await;
    assert_eq!(content.text().await.unwrap(), "a,b\n1,x\n2,y\n");
}

#[tokio::test]
async fn clean_up_removes_what_expired_and_counts_its_bytes() {
    let server = Server::start_with(&[("RETENTION__MIN_TTL", "1s"), ("CLEANUP__INTERVAL", "1s")]).await;
    let body = "a,b\n1,x\n2,y\n";
    let upload = server.client.post(format!("{}/api/v1/datasets?ttl_seconds=1", server.url)).body(body);
    let upload = upload.header("content-type", "text/csv").send().await.unwrap();
    assert_eq!(upload.status(), StatusCode::CREATED);
    server.await_metric("belfry_cleanup_files_removed_total", 1.0).await;
    assert_eq!(server.metric("belfry_cleanup_bytes_freed_total").await, Some(body.len() as f64));
    assert_eq!(std::fs::read_dir(server.folder.path().join("files/datasets")).unwrap().count(), 0);
    assert!(server.metric("belfry_cleanup_last_success_timestamp_seconds").await.unwrap() > 1.7e9);
    server.await_metric("belfry_cleanup_lag_seconds", 0.0).await;
}
