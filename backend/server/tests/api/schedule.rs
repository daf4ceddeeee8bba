//! How jobs are scheduled: by one server of several, within their time, again after failures and kills.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::jobs::await_runs;
use crate::server::{PATIENCE, Place, Server};

/// A store that takes connections and does not answer: whatever works with files hangs, until it is released or dropped.
pub struct HangingStore {
    listener: TcpListener,
    endpoint: String,
}

impl HangingStore {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, endpoint }
    }

    /// Answers that there are no files: what was asked already and what is asked from now on.
    pub fn release(&self) {
        let listener = self.listener.try_clone().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer_with_nothing(socket));
            }
        });
    }

    pub fn variables(&self) -> [(&str, &str); 4] {
        [
            ("STORAGE__URL", "s3://bucket"),
            ("STORAGE__ENDPOINT", &self.endpoint),
            ("STORAGE__ACCESS_KEY_ID", "key"),
            ("STORAGE__SECRET_ACCESS_KEY", "secret"),
        ]
    }
}

/// Answers the one request of a connection with an empty list of files.
fn answer_with_nothing(mut socket: TcpStream) {
    let (mut head, mut piece) = (Vec::new(), [0; 4_096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut piece) {
            Ok(length) if length > 0 => head.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let list = "<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>";
    let length = list.len();
    let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{list}");
    // Who asked may have given up.
    let _ = socket.write_all(answer.as_bytes());
}

/// What takes the settings of a hanging store back.
pub const LOCAL_STORE: [(&str, &str); 4] = [
    ("STORAGE__URL", ""),
    ("STORAGE__ENDPOINT", ""),
    ("STORAGE__ACCESS_KEY_ID", ""),
    ("STORAGE__SECRET_ACCESS_KEY", ""),
];

#[tokio::test]
async fn a_run_past_its_timeout_fails_and_is_repeated_as_often_as_set() {
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
async fn a_turn_during_a_run_is_left_out_and_counted() {
    let store = HangingStore::new();
    let mut variables = store.variables().to_vec();
    variables.push(("JOBS__ORPHAN_SWEEP_SCHEDULE", "1s"));
    let server = Server::start_with(&variables).await;
    let started = Instant::now();
    let overlaps = r#"scheduler_job_overlaps_total{job_name="orphan_sweep"}"#;
    while server.metric(overlaps).await.unwrap_or(0.0) < 2.0 {
        assert!(started.elapsed() < PATIENCE, "no overlaps are counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let runs = server.json("/jobs/status?job_name=orphan_sweep").await;
    assert_eq!(runs["jobs"].as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs["jobs"][0]["status"], "running");
}

#[tokio::test]
async fn the_run_of_a_killed_server_is_aborted_and_its_job_runs_again() {
    let store = HangingStore::new();
    let mut variables = store.variables().to_vec();
    variables.push(("JOBS__RETRY_PAUSE", "1s"));
    let mut server = Server::start_with(&variables).await;
    let started = Instant::now();
    while server.json("/jobs/status?job_name=orphan_sweep").await["jobs"].as_array().unwrap().is_empty() {
        assert!(started.elapsed() < PATIENCE, "orphan_sweep does not begin");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
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
async fn a_turn_of_a_job_that_waits_comes_when_the_run_under_way_has_ended() {
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
async fn turns_that_go_by_while_the_server_is_down_are_counted_and_made_up_for_by_one_run() {
    let mut server = Server::start_with(&[("CLEANUP__INTERVAL", "3s")]).await;
    await_runs(&server, "ttl_cleanup", 1).await;
    assert_eq!(server.stop().await, Some(0));
    let due: i64 = sqlx::query_scalar("SELECT next_due_at FROM jobs WHERE job_name = 'ttl_cleanup'")
        .fetch_one(&server.database().await)
        .await
        .unwrap();
    let runs = "SELECT COUNT(*) FROM job_runs WHERE job_name = 'ttl_cleanup'";
    let before: i64 = sqlx::query_scalar(runs).fetch_one(&server.database().await).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let least = (jiff::Timestamp::now().as_microsecond() - due) / 3_000_000;
    server.start_again(&[]);
    let after = await_runs(&server, "ttl_cleanup", before as usize + 2).await;
    let most = (jiff::Timestamp::now().as_microsecond() - due) / 3_000_000;
    let missed = server.metric(r#"scheduler_job_misses_total{job_name="ttl_cleanup"}"#).await.unwrap() as i64;
    assert!(least >= 2 && (least..=most).contains(&missed), "{missed} of {least} to {most} are counted");
    let start = |index: usize| after[index]["started_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let first = after.len() - before as usize - 1;
    let gap = start(first - 1).duration_since(start(first)).as_secs_f64();
    assert!(gap > 2.5, "the turns were made up for: {gap} s from one run to the next");
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
    let started = Instant::now();
    loop {
        let counted = first.metric(series).await.unwrap_or(0.0) + second.metric(series).await.unwrap_or(0.0);
        if counted == 1.0 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{counted} runs are counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_schedule_that_cannot_be_used_stops_the_start_with_one_line() {
    let place = Place::new(&[]).await;
    let refused = [
        ("JOBS__BACKUP_SCHEDULE", "0 25 * * *", "an interval such as 6h, or a cron expression"),
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
