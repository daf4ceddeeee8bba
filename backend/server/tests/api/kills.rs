//! `kill -9` at random moments under everything at once: what was acknowledged is kept, and nothing is left over.
//!
//! `BELFRY_TEST_SEED` repeats the choices of a run, `BELFRY_TEST_KILLS` says how often the server dies.

mod load;
mod promises;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::AnyPool;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::jobs::await_runs;
use crate::runs::FAKE;
use crate::server::{PATIENCE, Server};
use load::{Ledger, Load, SHORT, pause};
use promises::{check_counters, check_files, check_runs, check_uploads};

const KILLS: u32 = 50;

/// The longest life of a server between its first answer and its death.
const LONGEST_LIFE: Duration = Duration::from_millis(1_200);

/// For how long a job may hold its lease after the death of its process, and a while.
const LEASES: Duration = Duration::from_secs(40);

/// A number that a person may set.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_breaks_a_promise() {
    let seed = number("BELFRY_TEST_SEED").unwrap_or_else(rand::random);
    let kills = number("BELFRY_TEST_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    println!("BELFRY_TEST_SEED={seed}");
    let began = Instant::now();
    let quick = [("RETENTION__MIN_TTL", "1s"), ("CLEANUP__BATCH", "3"), ("CLEANUP__INTERVAL", "2s")];
    let patient = [FAKE, ("TRAINING__WORKERS", "2"), ("TRAINING__LEASE", "3s"), ("TRAINING__MAX_ATTEMPTS", "5")];
    let mut server = Server::start_with(&[&quick[..], &patient[..]].concat()).await;
    let ledger = under_load(&mut server, seed, kills).await;
    {
        let ledger = ledger.lock().unwrap();
        let (uploads, runs, deleted) = (ledger.uploads.len(), ledger.runs.len(), ledger.deleted.len());
        println!("{kills} kills in {:?}: {uploads} uploads, {runs} runs, {deleted} deletions", began.elapsed());
        assert!(uploads as u32 >= kills && runs as u32 >= kills / 10, "too little happened for a verdict");
    }

    // One more life, in which everything comes to its end.
    server.kill();
    server.start_again(&[("CLEANUP__ORPHAN_GRACE", "1s")]);
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    let database = server.database().await;
    let mut broken = Vec::new();
    await_ends(&server, &ledger, &mut broken).await;
    await_clean_up(&server, &database).await;
    await_jobs(&server, &database, &mut broken).await;
    sweep(&server).await;
    check_uploads(&server, &ledger, &mut broken).await;
    check_runs(&server, &database, &ledger, &mut broken).await;
    check_files(&server, &database, &mut broken).await;
    check_counters(&server, &database, &mut broken).await;
    println!("all in all {:?}", began.elapsed());
    assert!(broken.is_empty(), "BELFRY_TEST_SEED={seed}, {} broken:\n{}", broken.len(), broken.join("\n"));
}

/// Kills and restarts the server while clients do everything at once.
async fn under_load(server: &mut Server, seed: u64, kills: u32) -> Arc<Mutex<Ledger>> {
    let mut random = StdRng::seed_from_u64(seed);
    let ledger = Arc::<Mutex<Ledger>>::default();
    let (current, url) = watch::channel(server.url.clone());
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let load = Load { client, url, ledger: ledger.clone() };
    let mut clients = JoinSet::new();
    for _ in 0..3 {
        clients.spawn(load.clone().upload(StdRng::from_rng(&mut random)));
    }
    clients.spawn(load.clone().train(StdRng::from_rng(&mut random)));
    clients.spawn(load.clone().delete(StdRng::from_rng(&mut random)));
    clients.spawn(load.clone().run_jobs(StdRng::from_rng(&mut random)));
    for _ in 0..kills {
        pause(&mut random, u64::try_from(LONGEST_LIFE.as_millis()).unwrap()).await;
        // Not on a thread of the clients: it waits for the new server's first word.
        tokio::task::block_in_place(|| server.kill_and_restart());
        current.send_replace(server.url.clone());
    }
    // Only answers that came are promises.
    clients.shutdown().await;
    ledger
}

/// Every accepted run ends.
async fn await_ends(server: &Server, ledger: &Ledger, broken: &mut Vec<String>) {
    let started = Instant::now();
    for id in &ledger.runs {
        loop {
            let answer = server.get(&format!("/api/v1/runs/{id}")).await;
            if answer.status() != StatusCode::OK {
                broken.push(format!("the accepted run {id} answers {}", answer.status()));
                break;
            }
            let run: Value = answer.json().await.unwrap();
            if !run["finished_at"].is_null() {
                break;
            }
            if started.elapsed() > PATIENCE * 2 {
                broken.push(format!("the accepted run {id} does not end: {run}"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// All that was to expire is removed.
async fn await_clean_up(server: &Server, database: &AnyPool) {
    tokio::time::sleep(SHORT).await;
    let started = Instant::now();
    while count(database, "SELECT COUNT(*) FROM datasets WHERE expires_at < created_at + 60000000").await > 0 {
        assert!(started.elapsed() < LEASES + PATIENCE, "expired datasets are still there");
        server.post("/jobs/ttl_cleanup/run", &json!({})).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// No run of a job stays `running` without a heartbeat.
async fn await_jobs(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let started = Instant::now();
    let silent = "SELECT COUNT(*) FROM job_runs WHERE status = 'running' AND heartbeat_at < ";
    loop {
        server.post("/jobs/run_reaper/run", &json!({})).await;
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
        if count(database, &format!("{silent}{}", now - 15_000_000)).await == 0 {
            return;
        }
        if started.elapsed() > LEASES + PATIENCE {
            let sql = "SELECT id, job_name FROM job_runs WHERE status = 'running'";
            let left: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
            broken.push(format!("runs of jobs say running and have no heartbeat: {left:?}"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn sweep(server: &Server) {
    let swept = |runs: &[Value]| runs.iter().filter(|run| run["status"] == "success").count();
    let before = swept(&await_runs(server, "orphan_sweep", 1).await);
    let started = Instant::now();
    loop {
        server.post("/jobs/orphan_sweep/run", &json!({})).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        if swept(&await_runs(server, "orphan_sweep", 1).await) > before {
            return;
        }
        assert!(started.elapsed() < LEASES + PATIENCE, "the sweep does not run");
    }
}

async fn count(database: &AnyPool, sql: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(database).await.unwrap()
}
