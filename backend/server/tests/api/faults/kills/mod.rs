//! `kill -9` at random moments under everything at once: what was acknowledged is kept, and nothing is left over.
//!
//! `BELFRY_TEST_SEED` repeats the choices of a run, `BELFRY_TEST_KILLS` says how often the server dies.

mod load;
mod promises;
mod records;
mod supply;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AnyPool;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

use crate::api::support::jobs::await_runs;
use crate::api::support::runs::FAKE;
use crate::api::support::server::{PATIENCE, Server};
use load::{Ledger, Load, SHORT, pause, random_rows};
use promises::{check_gauges, check_runs, check_uploads};
use records::{check_claims, check_datasets, check_job_totals, check_run_statuses, check_store};
use supply::{plant_orphans, supply_expired};

const KILLS: u32 = 50;

/// The longest life of a server between its first answer and its death, on a machine with nothing else to do.
const MAX_LIFETIME: Duration = Duration::from_millis(1_200);

/// On a busy machine a server does as little in its life as it does in this many times the time that a start takes. How much
/// that was is checked in the end.
const STARTS_PER_LIFETIME: u32 = 2;

/// Every so many deaths come while the server starts.
const DEATHS_PER_STILLBIRTH: u32 = 4;

/// How far a server that is killed as it starts may come, after it has its address: every other one to where it opens the
/// database, and the others to where it listens and takes back the runs of dead processes.
const MAX_START_DELAYS: [u64; 2] = [30, 100];

/// For how long a job may hold its lease after the death of its process, and a while.
const LEASES: Duration = Duration::from_secs(40);

/// Of these jobs, so many runs at least were under way when their process was killed. A job that dies under way is held by
/// its lease for half a minute unless the next server of the folder frees it, as it does.
const UNDER_FIRE: [(&str, i64); 2] = [("ttl_cleanup", 5), ("orphan_sweep", 3)];

/// The least that is allowed.
const GRACE: Duration = Duration::from_secs(10);

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
    let quick = [("RETENTION__MIN_TTL", "1s"), ("CLEANUP__BATCH", "1"), ("CLEANUP__INTERVAL", "2s")];
    let patient = [FAKE, ("TRAINING__WORKERS", "2"), ("TRAINING__LEASE", "3s"), ("TRAINING__MAX_ATTEMPTS", "5")];
    let grace = [("CLEANUP__ORPHAN_GRACE", "10s")];
    let mut server = Server::start_with(&[&quick[..], &patient[..], &grace[..]].concat()).await;
    let database = server.database().await;
    let mut broken = Vec::new();
    let (ledger, stillbirths) = under_load(&mut server, &database, seed, kills, &mut broken).await;
    let load_ended = Instant::now();
    {
        let ledger = ledger.lock().unwrap();
        let (uploads, runs, deleted) = (ledger.uploads.len(), ledger.runs.len(), ledger.deleted.len());
        println!(
            "{kills} kills, {stillbirths} of them before it listened, in {:?}: {uploads} uploads, {runs} runs, {deleted} deletions",
            began.elapsed()
        );
        assert!(uploads as u32 >= kills && runs as u32 >= kills / 10, "too little happened for a verdict");
        assert!(stillbirths >= kills / DEATHS_PER_STILLBIRTH / 6, "too few deaths came before the server listened");
    }

    // One more life, in which everything comes to its end, and clean-up need not last.
    server.kill();
    server.start_again(&[("CLEANUP__BATCH", "500")]);
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    await_ends(&server, &ledger, &mut broken).await;
    await_clean_up(&server, &database).await;
    await_jobs(&server, &database, &mut broken).await;
    plant_orphans(server.folder.path());
    tokio::time::sleep(GRACE.saturating_sub(load_ended.elapsed())).await;
    sweep_once(&server).await;
    check_uploads(&server, &ledger, &mut broken).await;
    check_runs(&server, &database, &ledger, &mut broken).await;
    check_gauges(&server, &database, &mut broken).await;

    // What nobody moves any more must agree exactly.
    assert_eq!(server.stop().await, Some(0));
    check_store(server.folder.path(), &database, &mut broken).await;
    check_datasets(server.folder.path(), &database, &ledger, &mut broken).await;
    check_run_statuses(&database, &ledger, &mut broken).await;
    check_job_totals(&database, &mut broken).await;
    for (job, least) in UNDER_FIRE {
        let aborted = format!("SELECT COUNT(*) FROM job_runs WHERE job_name = '{job}' AND status = 'aborted'");
        let aborted = count(&database, &aborted).await;
        println!("{job} was under way at {aborted} kills");
        assert!(aborted >= least, "{job} was under way at {aborted} kills, which is too few for a verdict");
    }
    println!("all in all {:?}", began.elapsed());
    assert!(broken.is_empty(), "BELFRY_TEST_SEED={seed}, {} broken:\n{}", broken.len(), broken.join("\n"));
}

/// Kills and restarts the server while clients do everything at once. Returns what they were promised, and how many
/// servers died before they listened.
async fn under_load(
    server: &mut Server,
    database: &AnyPool,
    seed: u64,
    kills: u32,
    broken: &mut Vec<String>,
) -> (Arc<Mutex<Ledger>>, u32) {
    let mut random = StdRng::seed_from_u64(seed);
    let ledger = Arc::<Mutex<Ledger>>::default();
    let (current, url) = watch::channel(server.url.clone());
    let client = belfry_telemetry::tls::http_client().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let load = Load { client, url, ledger: ledger.clone() };
    let mut clients = JoinSet::new();
    let rows = random_rows(&mut random);
    for _ in 0..3 {
        clients.spawn(load.clone().upload(rows.clone(), StdRng::from_rng(&mut random)));
    }
    clients.spawn(load.clone().train(StdRng::from_rng(&mut random)));
    clients.spawn(load.clone().delete(StdRng::from_rng(&mut random)));
    clients.spawn(load.clone().run_jobs(StdRng::from_rng(&mut random)));
    let mut stillbirths = 0;
    let mut lifetime = MAX_LIFETIME;
    for kill in 1..=kills {
        // Enough to do that clean-up and sweep are at it when the next death comes.
        supply_expired(database, server.folder.path()).await;
        plant_orphans(server.folder.path());
        if kill % DEATHS_PER_STILLBIRTH == 0 {
            server.kill();
            let (starting, _) = block_in_place(|| server.begin_to_start("\"starting\""));
            let delays = MAX_START_DELAYS.len();
            pause(&mut random, MAX_START_DELAYS[(kill / DEATHS_PER_STILLBIRTH) as usize % delays]).await;
            stillbirths += u32::from(!block_in_place(|| starting.kill()));
            check_claims(server.folder.path(), database, broken).await;
            block_in_place(|| server.start_again(&[]));
        } else {
            // By themselves they begin every few seconds, and would be under way at few deaths on a fast machine.
            let job = UNDER_FIRE[usize::from(kill % 2 == 0)].0;
            server.post(&format!("/jobs/{job}/run"), &json!({})).await;
            if random.random_bool(0.7) {
                await_under_way(database, job, lifetime).await;
            }
            pause(&mut random, u64::try_from(lifetime.as_millis()).unwrap()).await;
            server.kill();
            check_claims(server.folder.path(), database, broken).await;
            let restarted = Instant::now();
            // Not on a thread of the clients: it waits for the new server's first word.
            block_in_place(|| server.start_again(&[]));
            lifetime = (restarted.elapsed() * STARTS_PER_LIFETIME).clamp(MAX_LIFETIME, MAX_LIFETIME * 4);
        }
        current.send_replace(server.url.clone());
    }
    // A life long enough for a whole sweep, while everything goes on.
    await_sweep(database).await;
    // Only answers that came are promises.
    clients.shutdown().await;
    (ledger, stillbirths)
}

/// Waits until the job is under way, though no longer than a life lasts: a busy machine may take as long as that.
async fn await_under_way(database: &AnyPool, job: &str, lifetime: Duration) {
    let began = Instant::now();
    let running = format!("SELECT COUNT(*) FROM job_runs WHERE job_name = '{job}' AND status = 'running'");
    while began.elapsed() < lifetime && count(database, &running).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for a sweep that begins and ends from now on.
async fn await_sweep(database: &AnyPool) {
    let began = now_micros();
    let swept = format!(
        "SELECT COUNT(*) FROM job_runs WHERE job_name = 'orphan_sweep' AND status = 'success' AND started_at > {began}"
    );
    eventually("a sweep comes to its end under load", LEASES + PATIENCE, async || count(database, &swept).await > 0)
        .await;
}

fn now_micros() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()
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
    let expiring = "SELECT COUNT(*) FROM datasets WHERE expires_at < created_at + 60000000";
    eventually("all that expires is removed", LEASES + PATIENCE, async || {
        server.post("/jobs/ttl_cleanup/run", &json!({})).await;
        let left = count(database, expiring).await;
        if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
    })
    .await;
}

/// No run of a job stays `running` without a heartbeat, and no sweep is asked for any more.
async fn await_jobs(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let started = Instant::now();
    let silent = "SELECT COUNT(*) FROM job_runs WHERE status = 'running' AND heartbeat_at < ";
    loop {
        server.post("/jobs/run_reaper/run", &json!({})).await;
        let asked_for =
            "SELECT COUNT(*) FROM jobs WHERE job_name = 'orphan_sweep' AND (waiting = 1 OR holder IS NOT NULL)";
        let silent = format!("{silent}{}", now_micros() - 15_000_000);
        if count(database, &silent).await + count(database, asked_for).await == 0 {
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

/// Sweeps exactly once.
async fn sweep_once(server: &Server) {
    let before = await_runs(server, "orphan_sweep", 1).await.len();
    server.post("/jobs/orphan_sweep/run", &json!({})).await;
    let runs = await_runs(server, "orphan_sweep", before + 1).await;
    assert_eq!((runs.len(), &runs[0]["status"]), (before + 1, &json!("success")), "{runs:?}");
}

async fn count(database: &AnyPool, sql: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(database).await.unwrap()
}
