//! How jobs are scheduled: by one server of several, within their time, again after failures and kills.

use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use serde_json::{Value, json};

use crate::api::support::hanging_store::{HangingStore, LOCAL_STORE};
use crate::api::support::jobs::{await_runs, runs_of};
use crate::api::support::server::{PATIENCE, Place, Server};

#[tokio::test]
async fn a_run_past_its_timeout_fails_and_is_retried_as_often_as_set() {
    let store = HangingStore::new();
    let mut variables = store.variables().to_vec();
    variables.extend([("JOBS__TIMEOUT", "1s"), ("JOBS__RETRIES", "1"), ("JOBS__RETRY_PAUSE", "1s")]);
    let server = Server::start_with(&variables).await;
    let runs = await_runs(&server, "orphan_sweep", 2).await;
    for run in &runs {
        assert_eq!(run["status"], "failed", "{run}");
        let message = run["error_message"].as_str().unwrap();
        assert_eq!(message, "stopped: it took longer than its timeout of 1s");
        assert_eq!(run["metadata"], json!({ "orphans": 0, "half_written": 0 }), "what it had done is kept");
    }
    let stats = server.json("/jobs/stats/orphan_sweep").await;
    assert_eq!((&stats["failed_runs"], &stats["success_rate"]), (&json!(2), &json!(0.0)), "{stats}");
    // No third attempt: the next turn is that of the schedule.
    let next: jiff::Timestamp = stats["next_due"].as_str().unwrap().parse().unwrap();
    assert!(next.as_second() > jiff::Timestamp::now().as_second() + 1_800, "{stats}");
}

#[tokio::test]
async fn a_due_time_during_a_run_is_skipped_and_counted() {
    let store = HangingStore::new();
    let mut variables = store.variables().to_vec();
    variables.push(("JOBS__ORPHAN_SWEEP_SCHEDULE", "1s"));
    let server = Server::start_with(&variables).await;
    let overlaps = r#"scheduler_job_overlaps_total{job_name="orphan_sweep"}"#;
    eventually("overlaps are counted", PATIENCE, async || server.metric(overlaps).await >= Some(2.0)).await;
    let runs = server.json("/jobs/status?job_name=orphan_sweep").await;
    assert_eq!(runs["jobs"].as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs["jobs"][0]["status"], "running");
}

#[tokio::test]
async fn a_killed_servers_run_is_aborted_and_its_job_runs_again() {
    let store = HangingStore::new();
    let mut variables = store.variables().to_vec();
    variables.push(("JOBS__RETRY_PAUSE", "1s"));
    let mut server = Server::start_with(&variables).await;
    eventually("orphan_sweep begins", PATIENCE, async || !runs_of(&server, "orphan_sweep").await.is_empty()).await;
    server.kill();
    let killed = Instant::now();
    let variables: Vec<_> = LOCAL_STORE.into_iter().chain([("TRAINING__WORKERS", "0")]).collect();
    server.start_again(&variables);
    let runs = await_runs(&server, "orphan_sweep", 2).await;
    // Its heartbeat was five seconds old at most, so its lease lasts for longer; its lock was free at once.
    assert!(killed.elapsed() < Duration::from_secs(24), "{:?}", killed.elapsed());
    let statuses: Vec<&Value> = runs.iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["success", "aborted"], "{runs:?}");
    assert_eq!(runs[1]["error_message"], "its process died");
    let stats = server.json("/jobs/stats/orphan_sweep").await;
    assert_eq!((&stats["aborted_runs"], &stats["total_runs"]), (&json!(1), &json!(2)), "{stats}");
    assert_eq!(server.metric(r#"scheduler_jobs_total{job_name="orphan_sweep",status="aborted"}"#).await, Some(1.0));
}

#[tokio::test]
async fn a_due_job_that_waits_runs_when_the_run_in_progress_ends() {
    let server = Server::start_with(&[("JOBS__BUSINESS_SNAPSHOT_SCHEDULE", "1h")]).await;
    await_runs(&server, "business_snapshot", 1).await;
    // Another server takes the turn, and is at work when the next one comes.
    let database = server.database().await;
    let now = jiff::Timestamp::now().as_microsecond();
    let take = "UPDATE jobs SET holder = 'of-another', lease_until = $1, next_due_at = $2 WHERE job_name = 'business_snapshot'";
    sqlx::query(take).bind(now + 28_000_000).bind(now).execute(&database).await.unwrap();
    server.await_metric(r#"scheduler_job_overlaps_total{job_name="business_snapshot"}"#, 1.0).await;
    server.post("/jobs/run_reaper/run", &Value::Null).await;
    await_runs(&server, "run_reaper", 2).await;
    assert_eq!(await_runs(&server, "business_snapshot", 1).await.len(), 1, "it overlaps");
    let end = "UPDATE jobs SET holder = NULL, lease_until = NULL WHERE holder = 'of-another'";
    assert_eq!(sqlx::query(end).execute(&database).await.unwrap().rows_affected(), 1, "its lease was not over");
    await_runs(&server, "business_snapshot", 2).await;
    let stats = server.json("/jobs/stats/business_snapshot").await;
    let next: jiff::Timestamp = stats["next_due"].as_str().unwrap().parse().unwrap();
    assert!(next.as_second() > jiff::Timestamp::now().as_second() + 1_800, "{stats}");
    let overlaps = server.metric(r#"scheduler_job_overlaps_total{job_name="business_snapshot"}"#).await;
    assert_eq!(overlaps, Some(1.0), "one turn is one overlap");
}

#[tokio::test]
async fn times_missed_while_the_server_is_down_are_counted() {
    let mut server = Server::start_with(&[("CLEANUP__INTERVAL", "6s")]).await;
    await_runs(&server, "ttl_cleanup", 1).await;
    assert_eq!(server.stop().await, Some(0));
    let database = server.database().await;
    // Twenty seconds go by.
    let shift = "UPDATE jobs SET next_due_at = next_due_at - 20000000 WHERE job_name = 'ttl_cleanup'";
    assert_eq!(sqlx::query(shift).execute(&database).await.unwrap().rows_affected(), 1);
    let due = "SELECT next_due_at FROM jobs WHERE job_name = 'ttl_cleanup'";
    let due: i64 = sqlx::query_scalar(due).fetch_one(&database).await.unwrap();
    let runs = "SELECT COUNT(*) FROM job_runs WHERE job_name = 'ttl_cleanup'";
    let before: i64 = sqlx::query_scalar(runs).fetch_one(&database).await.unwrap();
    let least = (jiff::Timestamp::now().as_microsecond() - due) / 6_000_000;
    server.start_again(&[]);
    let after = await_runs(&server, "ttl_cleanup", before as usize + 2).await;
    let most = (jiff::Timestamp::now().as_microsecond() - due) / 6_000_000;
    let missed = server.metric(r#"scheduler_job_misses_total{job_name="ttl_cleanup"}"#).await.unwrap() as i64;
    assert!(least >= 2 && (least..=most).contains(&missed), "{missed} of {least} to {most} are counted");
    let start = |index: usize| after[index]["started_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let first = after.len() - before as usize - 1;
    let gap = start(first - 1).duration_since(start(first)).as_secs_f64();
    // On a busy machine the first of the two begins up to a second late.
    assert!(gap > 5.0, "the turns were made up for: {gap} s from one run to the next");
}

#[tokio::test]
async fn the_job_of_a_killed_server_is_taken_over_by_another() {
    let store = HangingStore::new();
    let mut first = Server::start_with(&store.variables()).await;
    first.await_metric(r#"scheduler_jobs_in_progress{job_name="orphan_sweep"}"#, 1.0).await;
    let mut place = first.place();
    let own_store = LOCAL_STORE.into_iter().chain([("JOBS__RETRY_PAUSE", "1s")]);
    place.variables.extend(own_store.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let second = Server::start_at(place);
    await_runs(&second, "ttl_cleanup", 1).await;
    first.kill();
    let runs = await_runs(&second, "orphan_sweep", 2).await;
    let statuses: Vec<&Value> = runs.iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["success", "aborted"], "{runs:?}");
    second.await_metric(r#"scheduler_jobs_total{job_name="orphan_sweep",status="success"}"#, 1.0).await;
}

#[tokio::test]
async fn two_servers_on_one_database_run_each_due_job_once() {
    let first = Server::start_with(&[("CLEANUP__INTERVAL", "2s")]).await;
    let second = first.beside();
    let runs = await_runs(&second, "ttl_cleanup", 5).await;
    let starts: Vec<jiff::Timestamp> =
        runs.iter().rev().map(|run| run["started_at"].as_str().unwrap().parse().unwrap()).collect();
    for pair in starts.windows(2) {
        let gap = pair[1].duration_since(pair[0]).as_secs_f64();
        assert!(gap > 1.5, "two runs within {gap} s of one turn: {starts:?}");
    }
    // Once at the start, though two servers came up.
    for job_name in ["orphan_sweep", "job_history_retention", "business_snapshot"] {
        let runs = await_runs(&first, job_name, 1).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
    }
    // Every run was counted by the one that ran it.
    let series = r#"scheduler_jobs_total{job_name="orphan_sweep",status="success"}"#;
    eventually("one run is counted", PATIENCE, async || {
        let counted = first.metric(series).await.unwrap_or(0.0) + second.metric(series).await.unwrap_or(0.0);
        if counted == 1.0 { Ok(()) } else { Err(format!("{counted}")) }
    })
    .await;
}

#[tokio::test]
async fn an_unusable_schedule_stops_the_start_with_one_line() {
    let place = Place::new(&[]).await;
    let refused = [
        ("JOBS__BACKUP_SCHEDULE", "0 25 * * *", "an interval such as 6h (1s to 366d), or a cron expression"),
        ("JOBS__BACKUP_SCHEDULE", "0 0 31 2 *", "a cron expression that some day matches"),
        ("JOBS__RESOURCE_CHECK_SCHEDULE", "0s", "an interval such as 6h"),
        ("JOBS__TIME_ZONE", "Europe/Atlantis", "a time zone's IANA name such as UTC or Europe/Berlin"),
        ("JOBS__RETRIES", "many", "a whole number from 0 to 20"),
    ];
    for (variable, value, expected) in refused {
        let mut variables = place.variables.clone();
        variables.push((variable.to_owned(), value.to_owned()));
        let (succeeded, said) = Place { folder: place.folder.clone(), variables }.run(&["serve"]);
        assert!(!succeeded);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(variable) && said.contains(value) && said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn log_files_are_written_by_day_and_removed_when_they_are_old() {
    let mut place = Place::new(&[("RETENTION__LOG_DAYS", "7")]).await;
    let folder = place.folder.path().join("logs");
    place.variables.push(("LOG__DIR".to_owned(), folder.display().to_string()));
    let mut server = Server::start_at(place);
    for name in ["belfry.2020-01-01.jsonl", "other.2020-01-01.jsonl"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    await_runs(&server, "log_retention", 1).await;
    server.post("/jobs/log_retention/run", &json!({})).await;
    await_runs(&server, "log_retention", 2).await;
    assert!(!folder.join("belfry.2020-01-01.jsonl").exists());
    assert!(folder.join("other.2020-01-01.jsonl").exists());
    assert_eq!(server.metric("telemetry_log_lines_dropped_total").await, Some(0.0));
    assert_eq!(server.stop().await, Some(0));
    let ours = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let ours: Vec<_> = ours.filter(|path| path.to_str().unwrap().contains("/belfry.2")).collect();
    // Two if midnight was just now.
    let text: String = ours.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for message in ["listening", "shutdown started"] {
        assert!(lines.iter().any(|line| line["message"] == message), "{text}");
    }
}

#[tokio::test]
async fn how_a_job_last_ended_is_known_after_a_restart() {
    let mut server = Server::start_with(&[("JOBS__RETRIES", "0"), ("JOBS__ORPHAN_SWEEP_SCHEDULE", "2h")]).await;
    await_runs(&server, "orphan_sweep", 1).await;
    let last = |kind: &str| format!(r#"scheduler_job_last_{kind}_timestamp_seconds{{job_name="orphan_sweep"}}"#);
    let interval = r#"scheduler_job_interval_seconds{job_name="orphan_sweep"}"#;
    server.await_metric(interval, 7_200.0).await;
    server.kill();
    // A day ago it succeeded, an hour ago it failed.
    let database = server.database().await;
    let ago = "UPDATE job_runs SET started_at = started_at - 86400000000, finished_at = finished_at - 86400000000 \
        WHERE job_name = 'orphan_sweep'";
    assert_eq!(sqlx::query(ago).execute(&database).await.unwrap().rows_affected(), 1);
    let success = "SELECT finished_at FROM job_runs WHERE job_name = 'orphan_sweep'";
    let success: i64 = sqlx::query_scalar(success).fetch_one(&database).await.unwrap();
    let failure = jiff::Timestamp::now().as_microsecond() - 3_600_000_000;
    let failed = "INSERT INTO job_runs (id, job_name, started_at, finished_at, status, duration_seconds, heartbeat_at) \
        VALUES ('failed', 'orphan_sweep', $1, $1, 'failed', 0, $1)";
    sqlx::query(failed).bind(failure).execute(&database).await.unwrap();
    server.start_again(&[]);
    for (kind, micros) in [("success", success), ("failure", failure)] {
        eventually("the last end is told", PATIENCE, async || {
            let told = server.metric(&last(kind)).await.unwrap_or(0.0);
            if (told - micros as f64 / 1e6).abs() < 0.01 {
                Ok(())
            } else {
                Err(format!("{kind}: {told}, not {micros}"))
            }
        })
        .await;
    }
    server.await_metric(interval, 7_200.0).await;
}
