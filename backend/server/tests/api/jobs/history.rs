//! Scheduled jobs and their history.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::jobs::{AT_ONCE, await_runs, runs_of};
use crate::api::support::server::{Server, problem};

#[tokio::test]
async fn every_job_runs_at_the_first_start_and_is_on_record() {
    let server = Server::start().await;
    for job_name in AT_ONCE {
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
    assert_eq!((&stats["state"], &stats["disabled_reason"]), (&json!("enabled"), &Value::Null));
}

#[tokio::test]
async fn every_job_shows_its_plan_and_one_that_cannot_run_says_why() {
    let server =
        Server::start_with(&[("JOBS__TIME_ZONE", "Europe/Berlin"), ("JOBS__BACKUP_SCHEDULE", "30 4 * * 1")]).await;
    let jobs = server.json("/jobs").await["jobs"].as_array().unwrap().clone();
    let job = |name: &str| jobs.iter().find(|job| job["job_name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let backup = job("database_backup");
    assert_eq!(
        (&backup["schedule"], &backup["time_zone"]),
        (&json!("30 4 * * 1"), &json!("Europe/Berlin")),
        "{backup}"
    );
    assert_eq!((&backup["overlap"], &backup["retries"]), (&json!("wait"), &json!(2)));
    assert_eq!(backup["timeout_seconds"], 3_600.0);
    assert_eq!(job("ttl_cleanup")["schedule"], "every 1m");
    // Without a folder for logs there are none to remove.
    let logs = job("log_retention");
    assert_eq!((&logs["state"], &logs["next_due"]), (&json!("disabled"), &Value::Null), "{logs}");
    let stats = server.json("/jobs/stats/log_retention").await;
    assert_eq!(stats["state"], "disabled");
    assert!(stats["disabled_reason"].as_str().unwrap().starts_with("LOG__DIR is not set"), "{stats}");
    let asked = server.post("/jobs/log_retention/run", &json!({})).await;
    problem(asked, StatusCode::CONFLICT, "job_disabled").await;
}

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    let server = Server::start().await;
    let told = problem(server.get("/jobs/stats/nothing").await, StatusCode::NOT_FOUND, "not_found").await;
    let told = told["detail"].as_str().unwrap();
    assert!(told.contains("\"nothing\"") && told.contains("ttl_cleanup, run_reaper"), "{told}");
    problem(server.get("/jobs/status?job_name=nothing").await, StatusCode::NOT_FOUND, "not_found").await;
    problem(server.post("/jobs/nothing/run", &json!({})).await, StatusCode::NOT_FOUND, "not_found").await;
    problem(server.get("/jobs/status?job=ttl_cleanup").await, StatusCode::BAD_REQUEST, "invalid_query").await;
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
    let server = Server::start_with(&[("JOBS__RETRIES", "0")]).await;
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
    let cut_off = server.folder.path().join("belfry.db.restoring");
    std::fs::File::create(&cut_off).unwrap().set_modified(old).unwrap();
    let workplace = server.folder.path().join("work").join(uuid::Uuid::now_v7().to_string());
    std::fs::create_dir(&workplace).unwrap();
    std::fs::File::open(&workplace).unwrap().set_modified(old).unwrap();
    // What cannot be removed as a file stops nothing, and is told.
    let bad = folder.join("half-written#2");
    std::fs::create_dir(&bad).unwrap();
    std::fs::File::open(&bad).unwrap().set_modified(old).unwrap();
    server.post("/jobs/orphan_sweep/run", &json!({})).await;
    let failed = await_runs(&server, "orphan_sweep", 2).await.remove(0);
    let told = failed["error_message"].as_str().unwrap().to_owned();
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(told.contains("1 failures, the first: "), "{told}");
    let done = &failed["metadata"];
    assert_eq!((&done["orphans"], &done["half_written"], &done["dead_workplaces"]), (&1.into(), &1.into(), &1.into()));
    assert!(!cut_off.exists() && !workplace.exists());
    assert!(!folder.join("left-behind").exists() && !folder.join("half-written#1").exists());
    assert!(folder.join("just-written").exists());
    std::fs::remove_dir(&bad).unwrap();
    server.post("/jobs/orphan_sweep/run", &json!({})).await;
    let run = await_runs(&server, "orphan_sweep", 3).await.remove(0);
    assert_eq!((&run["status"], &run["metadata"]["orphans"]), (&json!("success"), &json!(0)), "{run}");
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

async fn upload(server: &Server, body: &'static str) -> String {
    let upload = server.client.post(format!("{}/api/v1/datasets", server.url)).body(body);
    let upload: Value = upload.header("content-type", "text/csv").send().await.unwrap().json().await.unwrap();
    upload["id"].as_str().unwrap().to_owned()
}

/// The one file of the store that holds this.
fn file_with(server: &Server, content: &str) -> std::path::PathBuf {
    let files = std::fs::read_dir(server.folder.path().join("files/datasets")).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    files.find(|path| std::fs::read_to_string(path).unwrap() == content).unwrap()
}

#[tokio::test]
async fn a_row_without_a_file_is_removed_after_the_grace_only() {
    let server = Server::start_with(&[("JOBS__RETRIES", "0")]).await;
    let (lost, kept) = (upload(&server, "a,b\n1,x\n").await, upload(&server, "a,b\n2,y\n").await);
    await_runs(&server, "orphan_sweep", 1).await;
    std::fs::remove_file(file_with(&server, "a,b\n1,x\n")).unwrap();
    for (sweeps, removed) in [(2, 0), (3, 0), (4, 1)] {
        assert_eq!(server.get(&format!("/api/v1/datasets/{lost}")).await.status(), StatusCode::OK);
        if removed == 1 {
            // An hour goes by.
            let sql = "UPDATE missing_files SET noticed_at = noticed_at - 3600000000";
            sqlx::query(sql).execute(&server.database().await).await.unwrap();
        }
        server.post("/jobs/orphan_sweep/run", &json!({})).await;
        let run = await_runs(&server, "orphan_sweep", sweeps).await.remove(0);
        let counted = (&run["metadata"]["rows_without_file"], &run["metadata"]["rows_removed"]);
        assert_eq!(counted, (&json!(1), &json!(removed)), "{run}");
    }
    problem(server.get(&format!("/api/v1/datasets/{lost}")).await, StatusCode::NOT_FOUND, "not_found").await;
    assert_eq!(server.metric(r#"errors_total{error_type="file_lost",component="storage"}"#).await, Some(1.0));

    // As with a disk that is not mounted.
    std::fs::remove_file(file_with(&server, "a,b\n2,y\n")).unwrap();
    server.post("/jobs/orphan_sweep/run", &json!({})).await;
    let run = await_runs(&server, "orphan_sweep", 5).await.remove(0);
    assert_eq!(run["status"], "failed", "{run}");
    assert!(run["error_message"].as_str().unwrap().contains("nothing was removed"), "{run}");
    assert_eq!(server.get(&format!("/api/v1/datasets/{kept}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_snapshot_counts_what_there_is() {
    let server = Server::start().await;
    upload(&server, "a,b\n1,x\n").await;
    await_runs(&server, "business_snapshot", 1).await;
    server.post("/jobs/business_snapshot/run", &json!({})).await;
    let run = await_runs(&server, "business_snapshot", 2).await.remove(0);
    assert_eq!(run["metadata"]["datasets"], 1, "{run}");
    assert_eq!(run["metadata"]["dataset_bytes"], 8, "{run}");
    assert_eq!(run["metadata"]["runs_by_status"], json!({}), "{run}");
}

#[tokio::test]
async fn a_retention_that_cannot_remove_one_file_removes_the_others() {
    let server = Server::start_with(&[("RETENTION__BACKUPS", "1"), ("JOBS__RETRIES", "0")]).await;
    await_runs(&server, "backup_retention", 1).await;
    let folder = server.folder.path().join("backups");
    std::fs::create_dir_all(&folder).unwrap();
    for day in 1..=4 {
        let path = folder.join(format!("belfry-2026030{day}T030000.000Z.db"));
        // A folder cannot be removed as a file can.
        if day == 2 { std::fs::create_dir(path).unwrap() } else { std::fs::write(path, "").unwrap() }
    }
    server.post("/jobs/backup_retention/run", &json!({})).await;
    let run = await_runs(&server, "backup_retention", 2).await.remove(0);
    assert_eq!((&run["status"], &run["metadata"]), (&json!("failed"), &json!({ "removed": 2, "failed": 1 })), "{run}");
    assert!(run["error_message"].as_str().unwrap().contains("could not be removed: 1"), "{run}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2);
    let errors = r#"errors_total{error_type="job_failed",component="backup_retention"}"#;
    server.await_metric(errors, 1.0).await;
}

#[tokio::test]
async fn health_names_the_next_of_the_jobs_that_run_here() {
    let server = Server::start_with(&[("CLEANUP__INTERVAL", "1h")]).await;
    await_runs(&server, "ttl_cleanup", 1).await;
    // Of a folder that is gone, and of a job that is disabled here.
    let id = std::fs::read_to_string(server.folder.path().join("folder-id")).unwrap();
    let insert = "INSERT INTO jobs (job_name, next_due_at) VALUES ('resource_check@gone', 1), ($1, 2)";
    let insert = sqlx::query(insert).bind(format!("log_retention@{id}"));
    insert.execute(&server.database().await).await.unwrap();
    let started = Instant::now();
    loop {
        let health = server.json("/health").await;
        let message = health["checks"]["scheduler"]["message"].as_str().unwrap();
        // The report of a second ago may be from before.
        if started.elapsed() > std::time::Duration::from_secs(2) {
            let due = message.strip_prefix("polls for due jobs; ").unwrap();
            let name = due.split_once(" is due in ").unwrap().0;
            assert!(["run_reaper", "resource_check"].contains(&name), "{message}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
