//! What the tests of training share: uploads, runs, and waiting for their ends.

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::server::{PATIENCE, Server, answered, shipped};

/// Settings with which the algorithm that ends in any way it is told to is known.
pub const FAKE: (&str, &str) = ("TRAINING__ALLOW_FAKE", "true");

/// Uploads a table and returns the dataset's id.
pub async fn upload(server: &Server, csv: impl Into<Vec<u8>>) -> String {
    let request = server.client.post(format!("{}/api/v1/datasets", server.url)).header("content-type", "text/csv");
    let response = answered(request.body(csv.into())).await;
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::CREATED, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Uploads one of the tables that the project ships.
pub async fn upload_shipped(server: &Server, name: &str) -> String {
    upload(server, shipped(name)).await
}

/// Queues a run and returns its id.
pub async fn submit(server: &Server, run: Value) -> String {
    let response = server.post("/api/v1/runs", &run).await;
    let (status, location) = (response.status(), response.headers().get("location").cloned());
    let text = response.text().await.unwrap();
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let id = serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(location.unwrap(), format!("/api/v1/runs/{id}"));
    id
}

/// Queues a run of the algorithm that behaves as told.
pub async fn submit_fake(server: &Server, dataset_id: &str, behaviour: &str, n_steps: u64) -> String {
    let params = json!({"behaviour": behaviour, "n_steps": n_steps});
    let run = json!({"dataset_id": dataset_id, "target": "species", "algorithm": "fake", "params": params});
    submit(server, run).await
}

/// The run as it is.
pub async fn run(server: &Server, id: &str) -> Value {
    server.json(&format!("/api/v1/runs/{id}")).await
}

/// Waits until the run is as expected.
pub async fn await_run(server: &Server, id: &str, expected: impl Fn(&Value) -> bool) -> Value {
    eventually("the run is as expected", PATIENCE, async || {
        let run = run(server, id).await;
        if expected(&run) { Ok(run) } else { Err(run.to_string()) }
    })
    .await
}

/// Waits until the run has ended.
pub async fn await_end(server: &Server, id: &str) -> Value {
    await_run(server, id, |run| !run["finished_at"].is_null()).await
}

/// Waits until the run has made a step.
pub async fn await_step(server: &Server, id: &str) -> Value {
    await_run(server, id, |run| run["progress"]["iteration"].as_i64() >= Some(1)).await
}

/// The child processes of a process, such as the training processes of a server.
pub fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task");
    let Ok(threads) = std::fs::read_dir(path) else { return Vec::new() };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|line| line.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Waits until these processes are gone.
pub async fn await_gone(pids: &[u32]) {
    for pid in pids {
        eventually(&format!("process {pid} is gone"), PATIENCE, async || !is_alive(*pid)).await;
    }
}

/// One that nobody has waited for yet has ended all the same.
fn is_alive(pid: u32) -> bool {
    process_state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The letter of a process's state, such as `T` for stopped: proc(5), `/proc/pid/stat`.
pub fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The events of a stream that has ended: name, id, data.
pub async fn events(server: &Server, id: &str, last_seen: Option<i64>) -> Vec<(String, String, Value)> {
    let mut request = server.client.get(format!("{}/api/v1/runs/{id}/events", server.url));
    if let Some(last_seen) = last_seen {
        request = request.header("last-event-id", last_seen.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    text.split("\n\n")
        .filter(|event| event.contains("data:"))
        .map(|event| {
            (field(event, "event:"), field(event, "id:"), serde_json::from_str(&field(event, "data:")).unwrap())
        })
        .collect()
}
