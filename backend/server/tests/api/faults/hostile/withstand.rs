//! What must hold during each attack and after it, the same for all. A server under attack has 256 MiB of memory and 128
//! processes and threads, as a small container has.
//!
//! The promises are 1 s for a probe, and 5 s for an upload and a run together. These tests run on a busy machine, beside
//! others, and its delay must not be blamed on the server. So a probe may be the best of several in a row: a server that is
//! held up holds up each of them. And honest work may take as many times longer than 5 s as it took longer than a second
//! on the same server just before the attack, and may be the best of three; that nothing of it is refused for good, and that
//! a run needs one attempt, depends on no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use reqwest::StatusCode;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{client_elsewhere, counted};
use crate::api::support::control_group::ControlGroup;
use crate::api::support::runs::await_end;
use crate::api::support::server::{PATIENCE, Server, shipped};
use crate::api::support::uploads::{forget_peak, peak_bytes, resident_bytes};

const MEMORY_BYTES: u64 = 256 << 20;
const PROCESSES: u64 = 128;

/// What memory may be above idle a minute after an attack.
const LEFT_BYTES: u64 = 32 << 20;

const PROBE_TIME: Duration = Duration::from_secs(1);
const PROBE_TRIES: usize = 8;
/// What was found of the state of a dependency is remembered for a second, and the tries together take longer.
const PROBE_PAUSE: Duration = Duration::from_millis(250);
const WORK_TIME: Duration = Duration::from_secs(5);
const WORK_TRIES: usize = 3;

/// What goes on until it is dropped.
#[derive(Default)]
pub struct Attack {
    /// Connections that are only held.
    pub held: Vec<TcpStream>,
    /// What is done on others; ended with the value.
    pub tasks: JoinSet<()>,
}

/// How many of a kind must be counted at least: metric, reason, number. Of several reasons, joined by `|`, the sum.
pub type Refusals<'r> = &'r [(&'r str, &'r str, f64)];

/// A server that is attacked, and what it has acknowledged.
struct Target {
    server: Server,
    /// Removed after its server.
    _group: Option<ControlGroup>,
    table: Vec<u8>,
    datasets: Vec<String>,
    runs: Vec<String>,
    /// Times that an upload and a run may take together.
    work_time: Duration,
    idle_bytes: u64,
}

/// Starts a server with these settings, attacks it, and asserts that all holds which is promised. `attack` returns when it
/// is under way.
pub async fn withstand(settings: &[(&str, &str)], refusals: Refusals<'_>, attack: impl AsyncFnOnce(&Server) -> Attack) {
    let mut target = Target::start(settings).await;
    let attack = attack(&target.server).await;
    target.answers_probes().await;
    target.does_honest_work().await;
    for (metric, reason, least) in refusals {
        eventually(&format!("{metric} for {reason} is at least {least}"), PATIENCE, async || {
            let mut found = 0.0;
            for reason in reason.split('|') {
                found += counted(&target.server, metric, reason).await;
            }
            if found >= *least { Ok(()) } else { Err(format!("{found}")) }
        })
        .await;
    }
    target.answers_probes().await;
    target.stays_within_its_limits();
    drop(attack);
    target.has_kept_all().await;
    target.gives_memory_back().await;
    let log = target.server.log.lock().unwrap();
    let panics: Vec<_> = log.iter().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "{panics:?}");
}

impl Target {
    async fn start(settings: &[(&str, &str)]) -> Self {
        allow_many_files();
        let group = ControlGroup::with_limits(MEMORY_BYTES, PROCESSES);
        let mut server = Server::start_within(group.as_ref(), settings).await;
        if group.is_some() {
            let membership = std::fs::read_to_string(format!("/proc/{}/cgroup", server.pid())).unwrap();
            assert!(membership.contains("/belfry-test-"), "the server is not in its group: {membership}");
        }
        server.client = client_elsewhere();
        let (table, datasets, runs) = (shipped("iris.csv"), Vec::new(), Vec::new());
        let mut target = Self { server, _group: group, table, datasets, runs, work_time: WORK_TIME, idle_bytes: 0 };
        // The first of each kind takes longer, and leaves memory in use that stays.
        target.upload_and_train().await;
        let quiet = target.upload_and_train().await;
        target.work_time = WORK_TIME.mul_f64(quiet.as_secs_f64().max(1.0));
        target.idle_bytes = resident_bytes(target.server.pid());
        forget_peak(target.server.pid());
        target
    }

    /// Each on a connection of its own, from the address that the attack comes from.
    async fn answers_probes(&self) {
        let fresh = belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0);
        let client = fresh.timeout(PATIENCE).build().unwrap();
        for path in ["/livez", "/readyz", "/metrics"] {
            let mut tries: Vec<(Duration, Result<(), String>)> = Vec::new();
            while !tries.iter().any(|(took, answer)| *took < PROBE_TIME && answer.is_ok()) {
                assert!(tries.len() < PROBE_TRIES, "{path} is not answered within a second: {tries:?}");
                if !tries.is_empty() {
                    tokio::time::sleep(PROBE_PAUSE).await;
                }
                let asked = Instant::now();
                let answer = async {
                    let answer = client.get(format!("{}{path}", self.server.url)).send().await?;
                    Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
                };
                let answer = match answer.await {
                    Ok((StatusCode::OK, _)) => Ok(()),
                    Ok((status, text)) => Err(format!("{status}: {text:.300}")),
                    Err(error) => Err(format!("{error:?}")),
                };
                tries.push((asked.elapsed(), answer));
            }
        }
    }

    async fn does_honest_work(&mut self) {
        let mut took = Vec::new();
        while !took.iter().any(|took| *took <= self.work_time) {
            assert!(took.len() < WORK_TRIES, "an upload and a run took {took:?}, expected {:?}", self.work_time);
            took.push(self.upload_and_train().await);
        }
    }

    /// How long an upload and a run on it take, with the pauses that the server asks for.
    async fn upload_and_train(&mut self) -> Duration {
        let started = Instant::now();
        let Self { server, table, .. } = self;
        let dataset = eventually("an honest upload is taken", PATIENCE, async || {
            let request =
                server.client.post(format!("{}/api/v1/datasets", server.url)).header("content-type", "text/csv");
            created(request.body(table.clone()), StatusCode::CREATED).await
        })
        .await;
        self.datasets.push(dataset.clone());
        let run = json!({"dataset_id": dataset, "target": "species", "algorithm": "logistic_regression"});
        let run = eventually("an honest run is taken", PATIENCE, async || {
            let request = server.client.post(format!("{}/api/v1/runs", server.url)).json(&run);
            created(request, StatusCode::ACCEPTED).await
        })
        .await;
        let ended = await_end(server, &run).await;
        assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("completed"), &json!(1)), "{ended}");
        self.runs.push(run);
        started.elapsed()
    }

    /// Also where no control group could be made.
    fn stays_within_its_limits(&self) {
        let pid = self.server.pid();
        assert!(peak_bytes(pid) < MEMORY_BYTES, "{} MiB were in use", peak_bytes(pid) >> 20);
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count() as u64;
        assert!(threads < PROCESSES, "{threads} threads");
    }

    async fn has_kept_all(&self) {
        for dataset in &self.datasets {
            let path = format!("/api/v1/datasets/{dataset}/content");
            let content = eventually("a dataset is read", PATIENCE, async || {
                let answer = self.server.get(&path).await;
                let status = answer.status();
                if status == StatusCode::OK { Ok(answer.bytes().await.unwrap()) } else { Err(status.to_string()) }
            })
            .await;
            assert!(content == self.table, "dataset {dataset} is another one");
        }
        for run in &self.runs {
            assert_eq!(self.server.json(&format!("/api/v1/runs/{run}")).await["outcome"], "completed");
        }
    }

    async fn gives_memory_back(&self) {
        eventually("memory is given back", Duration::from_secs(60), async || {
            let more = resident_bytes(self.server.pid()).saturating_sub(self.idle_bytes);
            if more < LEFT_BYTES { Ok(()) } else { Err(format!("{} MiB", more >> 20)) }
        })
        .await;
    }
}

/// The id of what a request has made. A client that is asked to come back does so, however short the pause is here.
async fn created(request: reqwest::RequestBuilder, expected: StatusCode) -> Result<String, String> {
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let (status, may_return) = (answer.status(), answer.headers().contains_key("retry-after"));
    let text = answer.text().await.map_err(|error| error.to_string())?;
    assert!(status == expected || may_return, "{status}: {text}");
    if status != expected {
        return Err(text);
    }
    let made: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    Ok(made["id"].as_str().unwrap().to_owned())
}

/// Attackers and the server, which has the same limit, need more connections than many systems allow at first.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(8192, |maximum| maximum.min(8192));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}
