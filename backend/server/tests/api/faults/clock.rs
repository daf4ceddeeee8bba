//! The machine's clock is put forward and back by an hour while the server runs. Debian's faketime moves it for the
//! server alone, and leaves the clock that measures durations as it is, as a real change of the clock does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use serde_json::Value;

use crate::api::support::hanging_store::HangingStore;
use crate::api::support::jobs::await_runs;
use crate::api::support::runs::{FAKE, await_step, children, run, submit_fake, upload_shipped};
use crate::api::support::server::{PATIENCE, Place, Server};
use crate::api::support::skipping::skipped;

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).filter(|path| path.exists());
    found.next()
}

/// A server whose clock is moved by what is written to a file. `None`, said aloud, where nothing can move it.
async fn server_with_clock(variables: &[(&str, &str)]) -> Option<(Server, PathBuf)> {
    let Some(library) = library() else {
        skipped("no libfaketime here: install the Debian package faketime");
        return None;
    };
    let mut place = Place::new(variables).await;
    let file = place.folder.path().join("clock");
    set(&file, "+0");
    let settings = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ];
    place.variables.extend(settings.map(|(name, value)| (name.to_owned(), value)));
    Some((Server::start_at(place), file))
}

/// The file is never seen half-written.
fn set(file: &Path, offset: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{offset}\n")).unwrap();
    std::fs::rename(&new, file).unwrap();
}

async fn counted(server: &Server, what: &str, job_name: &str) -> f64 {
    let labels = if what == "scheduler_jobs_total" { r#",status="success""# } else { "" };
    server.metric(&format!(r#"{what}{{job_name="{job_name}"{labels}}}"#)).await.unwrap_or(0.0)
}

async fn await_counted(server: &Server, what: &str, job_name: &str, least: f64) {
    eventually(&format!("{what} of {job_name} comes to {least}"), PATIENCE, async || {
        let found = counted(server, what, job_name).await;
        if found >= least { Ok(()) } else { Err(format!("{found}")) }
    })
    .await;
}

const RUNS: &str = "scheduler_jobs_total";
const MISSES: &str = "scheduler_job_misses_total";

#[tokio::test]
async fn a_clock_put_forward_runs_each_job_once_and_counts_misses() {
    let settings = [("CLEANUP__INTERVAL", "10m"), ("JOBS__RESOURCE_CHECK_SCHEDULE", "20m")];
    let Some((server, clock)) = server_with_clock(&settings).await else { return };
    for job_name in ["ttl_cleanup", "resource_check"] {
        await_counted(&server, RUNS, job_name, 1.0).await;
        assert_eq!(counted(&server, MISSES, job_name).await, 0.0);
    }
    set(&clock, "+3600");
    for job_name in ["ttl_cleanup", "resource_check"] {
        await_counted(&server, RUNS, job_name, 2.0).await;
    }
    // The turn after ten minutes was taken late; those after 20, 30, 40 and 50 went by.
    assert!([4.0, 5.0].contains(&counted(&server, MISSES, "ttl_cleanup").await));
    assert!([1.0, 2.0].contains(&counted(&server, MISSES, "resource_check").await));
    // A job asked for now ends after the scheduler has looked at all of them again: there was no storm.
    let before = counted(&server, RUNS, "run_reaper").await;
    server.post("/jobs/run_reaper/run", &Value::Null).await;
    await_counted(&server, RUNS, "run_reaper", before + 1.0).await;
    for job_name in ["ttl_cleanup", "resource_check"] {
        assert_eq!(counted(&server, RUNS, job_name).await, 2.0, "{job_name}");
    }
    let stats = server.json("/jobs/stats/ttl_cleanup").await;
    assert_eq!(stats["aborted_runs"], 0, "{stats}");
}

#[tokio::test]
async fn a_run_under_way_survives_a_clock_put_forward() {
    let store = HangingStore::new();
    let mut variables = store.variables().to_vec();
    variables.push(("CLEANUP__INTERVAL", "10m"));
    let Some((server, clock)) = server_with_clock(&variables).await else { return };
    await_counted(&server, RUNS, "ttl_cleanup", 1.0).await;
    server.await_metric(r#"scheduler_jobs_in_progress{job_name="orphan_sweep"}"#, 1.0).await;
    // By the new time, its lease has been over for an hour.
    set(&clock, "+3600");
    await_counted(&server, RUNS, "ttl_cleanup", 2.0).await;
    let runs = server.json("/jobs/status?job_name=orphan_sweep").await;
    assert_eq!(runs["jobs"].as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs["jobs"][0]["status"], "running", "{runs}");
}

#[tokio::test]
async fn a_clock_put_back_by_an_hour_silences_no_job() {
    let Some((server, clock)) = server_with_clock(&[("CLEANUP__INTERVAL", "1s")]).await else { return };
    await_runs(&server, "ttl_cleanup", 2).await;
    set(&clock, "-3600");
    let before = counted(&server, RUNS, "ttl_cleanup").await;
    let started = Instant::now();
    await_counted(&server, RUNS, "ttl_cleanup", before + 3.0).await;
    // Three intervals and what a busy machine may take; not an hour.
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    let stats = server.json("/jobs/stats/ttl_cleanup").await;
    let due: jiff::Timestamp = stats["next_due"].as_str().unwrap().parse().unwrap();
    let ahead = due.as_second() - (jiff::Timestamp::now().as_second() - 3_600);
    assert!((-10..=10).contains(&ahead), "{stats}");
    assert_eq!((&stats["aborted_runs"], &stats["failed_runs"]), (&Value::from(0), &Value::from(0)), "{stats}");
    assert_eq!(server.json("/health").await["checks"]["scheduler"]["healthy"], true);
}

#[tokio::test]
async fn a_training_run_under_way_survives_a_clock_put_forward() {
    let Some((server, clock)) = server_with_clock(&[FAKE, ("TRAINING__LEASE", "6s")]).await else { return };
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    await_step(&server, &id).await;
    let processes = children(server.pid());
    // Until leases are judged at all: the server has to be older than one.
    tokio::time::sleep(Duration::from_secs(7)).await;
    // Leases are extended and judged every two seconds, so that some of the jumps come between the two.
    for hour in 1..=8_u64 {
        set(&clock, &format!("+{}", hour * 3_600));
        tokio::time::sleep(Duration::from_millis(1_700 + hour * 40)).await;
        let now = run(&server, &id).await;
        assert_eq!((&now["status"], &now["attempts"]), (&Value::from("running"), &Value::from(1)), "{now}");
    }
    assert_eq!(children(server.pid()), processes, "it was begun anew");
}
