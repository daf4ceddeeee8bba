//! How runs of jobs end when the database is away or the server stops: on record as they ended, once.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::api::support::hanging_store::{HangingStore, LOCAL_STORE};
use crate::api::support::jobs::{await_runs, runs_of};
use crate::api::support::lock::Lock;
use crate::api::support::postgres::Postgres;
use crate::api::support::server::{PATIENCE, Server};

const UNDER_WAY: &str = r#"scheduler_jobs_in_progress{job_name="orphan_sweep"}"#;

/// After this time without a heartbeat another server may begin the next run.
const SILENCE: Duration = Duration::from_secs(30);

/// A server whose `orphan_sweep` is under way and does not end.
async fn sweeping(store: &HangingStore, variables: &[(&str, &str)]) -> Server {
    let mut all = store.variables().to_vec();
    all.extend([("JOBS__RETRY_PAUSE", "1s")]);
    all.extend(variables);
    let server = Server::start_with(&all).await;
    server.await_metric(UNDER_WAY, 1.0).await;
    server
}

/// That the end of a run was tried in vain.
const IN_VAIN: [&str; 2] = ["write failed; it is retried", "the end of a job's run"];

async fn counted(server: &Server) -> [Option<f64>; 3] {
    let count = async |status| {
        server.metric(&format!(r#"scheduler_jobs_total{{job_name="orphan_sweep",status="{status}"}}"#)).await
    };
    [count("success").await, count("failed").await, count("aborted").await]
}

#[tokio::test]
async fn a_run_that_ends_during_an_outage_is_recorded_once() {
    let store = HangingStore::new();
    let server = sweeping(&store, &[]).await;
    let lock = Lock::take(&server).await;
    store.release();
    server.await_log(&IN_VAIN).await;
    assert_eq!(runs_of(&server, "orphan_sweep").await[0]["status"], "running");
    assert_eq!(counted(&server).await, [Some(0.0); 3], "counted before it was on record");
    assert_eq!(server.metric(UNDER_WAY).await, Some(1.0));
    lock.release().await;
    let runs = await_runs(&server, "orphan_sweep", 1).await;
    assert_eq!(runs[0]["status"], "success", "{runs:?}");
    server.await_metric(UNDER_WAY, 0.0).await;
    assert_eq!(counted(&server).await, [Some(1.0), Some(0.0), Some(0.0)]);
    let stats = server.json("/jobs/stats/orphan_sweep").await;
    assert_eq!((&stats["total_runs"], &stats["successful_runs"]), (&json!(1), &json!(1)), "{stats}");
    let next: jiff::Timestamp = stats["next_due"].as_str().unwrap().parse().unwrap();
    assert!(next.as_second() > jiff::Timestamp::now().as_second() + 1_800, "it is to be repeated: {stats}");
}

#[tokio::test]
async fn a_run_without_a_heartbeat_stops_before_its_lease_ends() {
    let store = HangingStore::new();
    let server = sweeping(&store, &[]).await;
    let noted = json!({ "orphans": 0, "half_written": 0 });
    eventually("what a run in progress has done is shown", PATIENCE, async || {
        let run = runs_of(&server, "orphan_sweep").await.remove(0);
        if run["metadata"] == noted { Ok(()) } else { Err(run.to_string()) }
    })
    .await;
    let lock = Lock::take(&server).await;
    let locked = Instant::now();
    server.await_log(&["job heartbeat lost", "orphan_sweep"]).await;
    assert!(locked.elapsed() < SILENCE, "{:?}", locked.elapsed());
    lock.release().await;
    let run = await_runs(&server, "orphan_sweep", 1).await.remove(0);
    assert_eq!(run["status"], "aborted", "{run}");
    assert_eq!(run["error_message"], "stopped: its heartbeat could not be recorded for 20s", "{run}");
    assert_eq!(run["metadata"], noted, "{run}");
    eventually("it is repeated", PATIENCE, async || runs_of(&server, "orphan_sweep").await.len() >= 2).await;
    let [_, failed, aborted] = counted(&server).await;
    assert_eq!((failed, aborted), (Some(0.0), Some(1.0)));
}

#[tokio::test]
async fn a_heartbeat_that_hangs_does_not_hold_up_the_timeout() {
    let store = HangingStore::new();
    let server = sweeping(&store, &[("JOBS__TIMEOUT", "7s")]).await;
    let lock = Lock::take(&server).await;
    server.await_log(&IN_VAIN).await;
    lock.release().await;
    let run = await_runs(&server, "orphan_sweep", 1).await.remove(0);
    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(run["error_message"], "stopped: it took longer than its timeout of 7s", "{run}");
    // Not the time until its end was on record.
    assert!(run["duration_seconds"].as_f64().unwrap() < 12.0, "{run}");
}

#[tokio::test]
async fn a_run_cut_off_by_a_stop_is_aborted_and_run_again() {
    let store = HangingStore::new();
    let mut server = sweeping(&store, &[("SERVER__SHUTDOWN_GRACE", "10s")]).await;
    assert_eq!(server.stop().await, Some(0));
    let query = "SELECT status, error_message FROM job_runs WHERE job_name = 'orphan_sweep'";
    let rows: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&server.database().await).await.unwrap();
    let expected = ("aborted".to_owned(), "stopped: the server was stopped before it had ended".to_owned());
    assert_eq!(rows, [expected]);
    server.start_again(&LOCAL_STORE);
    let runs = await_runs(&server, "orphan_sweep", 2).await;
    let statuses: Vec<&Value> = runs.iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["success", "aborted"], "{runs:?}");
    let stats = server.json("/jobs/stats/orphan_sweep").await;
    assert_eq!((&stats["aborted_runs"], &stats["total_runs"]), (&json!(1), &json!(2)), "{stats}");
}

/// A `pg_dump` that writes a line when it is told to.
struct HeldDump(tempfile::TempDir);

impl HeldDump {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (script, told) = (folder.path().join("pg_dump"), folder.path().join("told"));
        let wait = format!("while [ ! -e '{}' ]; do sleep 0.05; done", told.display());
        let write = r#"while [ $# -gt 0 ]; do case $1 in --file) echo '-- a dump' >"$2" ;; esac; shift; done"#;
        std::fs::write(&script, format!("#!/bin/sh\n{wait}\n{write}\n")).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn release(&self) {
        std::fs::write(self.0.path().join("told"), "").unwrap();
    }

    /// A server whose backup of its database is under way and does not end.
    async fn backing_up(&self, postgres: &Postgres) -> Server {
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        let server = Server::start_with(&[("DATABASE__URL", &postgres.url), ("PATH", &path)]).await;
        server.post("/jobs/database_backup/run", &Value::Null).await;
        server.await_metric(r#"scheduler_jobs_in_progress{job_name="database_backup"}"#, 1.0).await;
        server
    }
}

#[tokio::test]
async fn a_run_that_ends_while_postgresql_is_down_is_recorded_once() {
    let Some(postgres) = Postgres::start() else { return };
    let dump = HeldDump::new();
    let server = dump.backing_up(&postgres).await;
    postgres.down();
    dump.release();
    server.await_log(&IN_VAIN).await;
    postgres.up();
    let runs = await_runs(&server, "database_backup", 1).await;
    assert_eq!(runs[0]["status"], "success", "{runs:?}");
    server.await_metric(r#"scheduler_jobs_total{job_name="database_backup",status="success"}"#, 1.0).await;
    let stats = server.json("/jobs/stats/database_backup").await;
    assert_eq!((&stats["total_runs"], &stats["successful_runs"]), (&json!(1), &json!(1)), "{stats}");
    let next: jiff::Timestamp = stats["next_due"].as_str().unwrap().parse().unwrap();
    assert!(next.as_second() > jiff::Timestamp::now().as_second() + 30, "it is to be repeated: {stats}");
}

#[tokio::test]
async fn a_backup_due_during_a_long_backup_waits_for_its_end() {
    let Some(postgres) = Postgres::start() else { return };
    let dump = HeldDump::new();
    let server = dump.backing_up(&postgres).await;
    let due = "UPDATE jobs SET next_due_at = 1 WHERE job_name = 'database_backup'";
    server.database().await.execute(due).await.unwrap();
    server.await_metric(r#"scheduler_job_overlaps_total{job_name="database_backup"}"#, 1.0).await;
    assert_eq!(runs_of(&server, "database_backup").await.len(), 1);
    dump.release();
    let runs = await_runs(&server, "database_backup", 2).await;
    let time = |run: &Value, field: &str| run[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let pause = time(&runs[0], "started_at").duration_since(time(&runs[1], "finished_at")).as_secs_f64();
    assert!((0.0..10.0).contains(&pause), "{runs:?}");
    assert_eq!(server.metric(r#"scheduler_job_overlaps_total{job_name="database_backup"}"#).await, Some(1.0));
}
