//! The clients: what they send, and what they were promised.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::api::support::uploads::sha256;

/// The life of a dataset that is to expire meanwhile.
pub const SHORT: Duration = Duration::from_secs(2);

/// The rows of the largest upload, and those of each that no other upload has.
const MAX_ROWS: usize = 40_000;
const OWN_ROWS: usize = 40;

/// What the clients were promised.
#[derive(Default)]
pub struct Ledger {
    /// The acknowledged uploads by id.
    pub uploads: BTreeMap<String, Kept>,
    /// Those that a client asked to be deleted, and whether that was acknowledged.
    pub deleted: BTreeMap<String, bool>,
    pub runs: BTreeSet<String>,
    pub uploads_tried: usize,
    pub runs_tried: usize,
}

/// An acknowledged upload.
pub struct Kept {
    pub sha256: String,
    pub size_bytes: i64,
    /// Whether it was to expire meanwhile.
    pub expires: bool,
}

/// A client that goes on whatever happens to the server.
#[derive(Clone)]
pub struct Load {
    pub client: Client,
    pub url: watch::Receiver<String>,
    pub ledger: Arc<Mutex<Ledger>>,
}

impl Load {
    fn to(&self, path: &str) -> String {
        format!("{}{path}", *self.url.borrow())
    }

    /// Uploads tables of all sizes, of which some are soon to expire.
    pub async fn upload(self, rows: Arc<[String]>, mut random: StdRng) {
        loop {
            let count = *[3, 40, 400, 4_000, MAX_ROWS].choose(&mut random).unwrap();
            let table = table(&rows, count, &mut random);
            let expires = random.random_bool(0.4);
            let query = if expires { format!("?ttl_seconds={}", SHORT.as_secs()) } else { String::new() };
            let kept = Kept { sha256: sha256(table.as_bytes()), size_bytes: table.len() as i64, expires };
            self.ledger.lock().unwrap().uploads_tried += 1;
            let request = self.client.post(self.to(&format!("/api/v1/datasets{query}")));
            let answer = request.header("content-type", "text/csv").body(table).send().await;
            if let Some(id) = id_of(answer, StatusCode::CREATED).await {
                self.ledger.lock().unwrap().uploads.insert(id, kept);
            }
            pause(&mut random, 150).await;
        }
    }

    /// Queues short runs, of a real algorithm and of one that takes its time, and cancels some.
    pub async fn train(self, mut random: StdRng) {
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
    pub async fn delete(self, mut random: StdRng) {
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
    pub async fn run_jobs(self, mut random: StdRng) {
        loop {
            let jobs = ["ttl_cleanup", "orphan_sweep", "run_reaper", "business_snapshot", "alert_retention"];
            let job = *jobs.choose(&mut random).unwrap();
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

/// Rows of tables, made once: to make each upload's takes an unoptimised test longer than the server takes to receive it.
pub fn random_rows(random: &mut StdRng) -> Arc<[String]> {
    (0..MAX_ROWS).map(|_| row(random)).collect()
}

fn row(random: &mut StdRng) -> String {
    let (x, y): (f64, f64) = (random.random(), random.random());
    format!("{x:.3},{:.3},{}\n", x + y / 10.0, if x > 0.5 { "big" } else { "small" })
}

/// A table that is unlike every other one: its first rows are its own, the others come from anywhere among `rows`.
fn table(rows: &[String], count: usize, random: &mut StdRng) -> String {
    let own = count.min(OWN_ROWS);
    let mut table = String::from("x,y,species\n");
    table.extend((0..own).map(|_| row(random)));
    let begin = random.random_range(0..=rows.len() - (count - own));
    table.extend(rows[begin..][..count - own].iter().map(String::as_str));
    table
}

/// The id in an answer with this status; anything else promises nothing.
async fn id_of(answer: reqwest::Result<reqwest::Response>, status: StatusCode) -> Option<String> {
    let answer = answer.ok().filter(|answer| answer.status() == status)?;
    let body: Value = answer.json().await.ok()?;
    Some(body["id"].as_str().unwrap().to_owned())
}

/// Up to this long.
pub async fn pause(random: &mut StdRng, most_milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(1..=most_milliseconds))).await;
}
