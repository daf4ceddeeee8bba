//! `kill -9` at random moments under everything at once: what was acknowledged is kept, and nothing is left over.
//!
//! `BELFRY_TEST_SEED` repeats the choices of a run, `BELFRY_TEST_KILLS` says how often the server dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::AnyPool;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::jobs::await_runs;
use crate::runs::FAKE;
use crate::server::{PATIENCE, Server};
use crate::uploads::sha256;

const KILLS: u32 = 50;

/// The longest life of a server between its first answer and its death.
const LONGEST_LIFE: Duration = Duration::from_millis(1_200);

/// The life of a dataset that is to expire meanwhile.
const SHORT: Duration = Duration::from_secs(2);

/// For how long a job may hold its lease after the death of its process, and a while.
const LEASES: Duration = Duration::from_secs(40);

/// What the clients were promised.
#[derive(Default)]
struct Ledger {
    /// SHA-256 of the acknowledged uploads by id, and whether they may expire.
    uploads: BTreeMap<String, (String, bool)>,
    /// Those that a client asked to be deleted, and whether that was acknowledged.
    deleted: BTreeMap<String, bool>,
    runs: BTreeSet<String>,
    uploads_tried: usize,
    runs_tried: usize,
}

/// A client that goes on whatever happens to the server.
#[derive(Clone)]
struct Load {
    client: Client,
    url: watch::Receiver<String>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Load {
    fn to(&self, path: &str) -> String {
        format!("{}{path}", *self.url.borrow())
    }

    /// Uploads tables of all sizes, of which some are soon to expire.
    async fn upload(self, mut random: StdRng) {
        loop {
            let rows = *[3, 40, 400, 4_000, 40_000].choose(&mut random).unwrap();
            let mut table = String::from("x,y,species\n");
            for _ in 0..rows {
                let (x, y): (f64, f64) = (random.random(), random.random());
                table += &format!("{x:.3},{:.3},{}\n", x + y / 10.0, if x > 0.5 { "big" } else { "small" });
            }
            let expires = random.random_bool(0.4);
            let query = if expires { format!("?ttl_seconds={}", SHORT.as_secs()) } else { String::new() };
            let sha = sha256(table.as_bytes());
            self.ledger.lock().unwrap().uploads_tried += 1;
            let request = self.client.post(self.to(&format!("/api/v1/datasets{query}")));
            let answer = request.header("content-type", "text/csv").body(table).send().await;
            if let Some(id) = id_of(answer, StatusCode::CREATED).await {
                self.ledger.lock().unwrap().uploads.insert(id, (sha, expires));
            }
            pause(&mut random, 40).await;
        }
    }

    /// Queues short runs, of a real algorithm and of one that takes its time, and cancels some.
    async fn train(self, mut random: StdRng) {
        loop {
            let Some(dataset_id) = self.any_dataset(&mut random) else {
                pause(&mut random, 50).await;
                continue;
            };
            let slow = json!({"target": "species", "algorithm": "fake", "params": {"behaviour": "slow", "n_steps": 8}});
            let real = json!({"target": "y", "algorithm": "elastic_net"});
            let mut run = if random.random_bool(0.6) { slow } else { real };
            run["dataset_id"] = json!(dataset_id);
            self.ledger.lock().unwrap().runs_tried += 1;
            let answer = self.client.post(self.to("/api/v1/runs")).json(&run).send().await;
            if let Some(id) = id_of(answer, StatusCode::ACCEPTED).await {
                self.ledger.lock().unwrap().runs.insert(id.clone());
                if random.random_bool(0.1) {
                    let _ = self.client.post(self.to(&format!("/api/v1/runs/{id}/cancel"))).send().await;
                }
            }
            pause(&mut random, 800).await;
        }
    }

    /// Deletes datasets.
    async fn delete(self, mut random: StdRng) {
        loop {
            pause(&mut random, 400).await;
            let Some(id) = self.any_dataset(&mut random) else { continue };
            self.ledger.lock().unwrap().deleted.entry(id.clone()).or_insert(false);
            let answer = self.client.delete(self.to(&format!("/api/v1/datasets/{id}"))).send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::NO_CONTENT) {
                self.ledger.lock().unwrap().deleted.insert(id, true);
            }
        }
    }

    /// Makes jobs due and looks at all that is shown.
    async fn run_jobs(self, mut random: StdRng) {
        loop {
            let job = *["ttl_cleanup", "ttl_cleanup", "orphan_sweep", "run_reaper"].choose(&mut random).unwrap();
            let _ = self.client.post(self.to(&format!("/jobs/{job}/run"))).send().await;
            for path in ["/health", "/api/v1/datasets", "/api/v1/runs", "/metrics"] {
                let _ = self.client.get(self.to(path)).send().await;
            }
            pause(&mut random, 300).await;
        }
    }

    fn any_dataset(&self, random: &mut StdRng) -> Option<String> {
        let ledger = self.ledger.lock().unwrap();
        let ids: Vec<&String> = ledger.uploads.keys().filter(|id| !ledger.deleted.contains_key(*id)).collect();
        // Mostly late ones: those live.
        let late = ids.len().saturating_sub(10);
        ids[late..].choose(random).map(|id| (*id).clone())
    }
}

/// The id in an answer with this status; anything else promises nothing.
async fn id_of(answer: reqwest::Result<reqwest::Response>, status: StatusCode) -> Option<String> {
    let answer = answer.ok().filter(|answer| answer.status() == status)?;
    let body: Value = answer.json().await.ok()?;
    Some(body["id"].as_str().unwrap().to_owned())
}

async fn pause(random: &mut StdRng, most_milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(1..=most_milliseconds))).await;
}

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

/// Every acknowledged upload is there with its bytes, unless it expired or was deleted.
async fn check_uploads(server: &Server, ledger: &Ledger, broken: &mut Vec<String>) {
    for (id, (sha, expires)) in &ledger.uploads {
        let answer = server.get(&format!("/api/v1/datasets/{id}/content")).await;
        let status = answer.status();
        let found = sha256(&answer.bytes().await.unwrap());
        match (*expires, ledger.deleted.get(id)) {
            (true, _) | (_, Some(true)) if status != StatusCode::NOT_FOUND => {
                broken.push(format!("the expired or deleted dataset {id} answers {status}"));
            }
            (true, _) | (_, Some(true)) => {}
            // It was asked to go and nobody said that it did: both are right, half is not.
            (false, Some(false)) if status == StatusCode::NOT_FOUND => {}
            _ if status != StatusCode::OK => broken.push(format!("the acknowledged upload {id} answers {status}")),
            _ if found != *sha => {
                broken.push(format!("the acknowledged upload {id} has other bytes: {found}, not {sha}"))
            }
            _ => {}
        }
    }
    let mut listed = 0;
    let mut cursor = String::new();
    loop {
        let page = server.json(&format!("/api/v1/datasets?limit=100{cursor}")).await;
        listed += page["items"].as_array().unwrap().len();
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    if listed > ledger.uploads_tried {
        broken.push(format!("{listed} datasets came of {} uploads", ledger.uploads_tried));
    }
}

/// Every run has ended and its row agrees with itself; every model is there with its bytes.
async fn check_runs(server: &Server, database: &AnyPool, ledger: &Ledger, broken: &mut Vec<String>) {
    type Row = (String, String, Option<String>, Option<i64>, Option<i64>, Option<String>, Option<String>);
    let sql = "SELECT id, status, outcome, finished_at, lease_until, model_sha256, error_code FROM runs";
    let rows: Vec<Row> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    if rows.len() > ledger.runs_tried {
        broken.push(format!("{} runs came of {} requests", rows.len(), ledger.runs_tried));
    }
    let mut outcomes = BTreeMap::<String, usize>::new();
    for (id, status, outcome, finished_at, lease_until, model, error_code) in rows {
        let ended = error_code.clone().or(outcome.clone()).unwrap_or_default();
        // A dataset stays for as long as a queued or running run needs it.
        if ["dataset_gone", "storage_unavailable", "internal"].contains(&ended.as_str()) {
            broken.push(format!("the run {id} failed with {ended}"));
        }
        *outcomes.entry(ended).or_default() += 1;
        let agrees = match status.as_str() {
            "completed" => outcome.as_deref() == Some("completed") && model.is_some(),
            "cancelled" => outcome.as_deref() == Some("cancelled") && model.is_none(),
            "failed" => outcome.is_some() && model.is_none(),
            _ => false,
        };
        if !agrees || finished_at.is_none() || lease_until.is_some() {
            broken.push(format!("the run {id} is {status}, {outcome:?}, {finished_at:?}, {lease_until:?}, {model:?}"));
        }
        if let Some(expected) = model {
            let answer = server.get(&format!("/api/v1/runs/{id}/model")).await;
            let status = answer.status();
            let found = sha256(&answer.bytes().await.unwrap());
            if found != expected {
                broken.push(format!("the model of run {id} answers {status} and has other bytes: {found}"));
            }
        }
    }
    println!("runs ended as {outcomes:?}");
    if !outcomes.contains_key("completed") {
        broken.push("no run was completed at all".to_owned());
    }
}

/// Files and rows are the same set, nothing is half-written, and of the dead processes nothing is left.
async fn check_files(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let folder = server.folder.path().join("files");
    let tables = [
        ("datasets", "SELECT storage_key FROM datasets"),
        ("models", "SELECT model_key FROM runs WHERE model_key IS NOT NULL"),
        ("probes", "SELECT id FROM runs WHERE 1 = 0"),
    ];
    for (name, keys) in tables {
        let keys: BTreeSet<String> = sqlx::query_scalar(keys).fetch_all(database).await.unwrap().into_iter().collect();
        let entries = std::fs::read_dir(folder.join(name)).into_iter().flatten();
        let mut files: BTreeSet<String> =
            entries.map(|entry| format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap())).collect();
        if name == "probes" {
            // A check may be under way at this moment; what an hour of life leaves is what counts.
            files.retain(|file| {
                std::fs::metadata(folder.join(file))
                    .is_ok_and(|file| file.modified().unwrap().elapsed().unwrap() > Duration::from_secs(5))
            });
        }
        for orphan in files.difference(&keys) {
            broken.push(format!("the file {orphan} has no row"));
        }
        for orphan in keys.difference(&files) {
            broken.push(format!("the row of {orphan} has no file"));
        }
    }
    let work = std::fs::read_dir(server.folder.path().join("work")).unwrap();
    let left = work.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    if left != 1 {
        broken.push(format!("{left} processes have a folder for training, and one lives"));
    }
}

/// What is counted agrees with what is there.
async fn check_counters(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let datasets = count(database, "SELECT COUNT(*) FROM datasets").await;
    let bytes = count(database, "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM datasets").await;
    server.await_metric("belfry_datasets", datasets as f64).await;
    server.await_metric("belfry_dataset_bytes", bytes as f64).await;
    server.await_metric(r#"belfry_queue_depth{status="queued"}"#, 0.0).await;
    server.await_metric(r#"belfry_queue_depth{status="running"}"#, 0.0).await;
    server.await_metric("belfry_training_in_progress", 0.0).await;
    for job in ["ttl_cleanup", "orphan_sweep", "run_reaper"] {
        let stats = server.json(&format!("/jobs/stats/{job}")).await;
        let of =
            |status: &str| format!("SELECT COUNT(*) FROM job_runs WHERE job_name = '{job}' AND status = '{status}'");
        let (success, failed) = (count(database, &of("success")).await, count(database, &of("failed")).await);
        // A run may have begun or ended between the two looks.
        let close = |shown: &Value, stored: i64| (shown.as_i64().unwrap() - stored).abs() <= 2;
        if !close(&stats["successful_runs"], success) || !close(&stats["failed_runs"], failed) {
            broken.push(format!("{job}: {success} successes and {failed} failures are stored, {stats} is shown"));
        }
        if failed > 0 {
            let why = format!("SELECT error_message FROM job_runs WHERE job_name = '{job}' AND status = 'failed'");
            let why: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(why)).fetch_all(database).await.unwrap();
            broken.push(format!("{job} failed although nothing failed: {why:?}"));
        }
    }
    let unended =
        "SELECT COUNT(*) FROM job_runs WHERE status <> 'running' AND (finished_at IS NULL OR duration_seconds IS NULL)";
    if count(database, unended).await > 0 {
        broken.push("runs of jobs have ended and do not say when".to_owned());
    }
}

async fn count(database: &AnyPool, sql: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(database).await.unwrap()
}
