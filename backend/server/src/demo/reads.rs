//! What only reads, what asks for things that do not exist, and the jobs.

use std::sync::atomic::Ordering;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::Demo;
use crate::request::percent_encoded;

/// Lists a collection, and its second page where it has one.
pub async fn list(demo: &Demo, action: &'static str, path: &str) {
    let response = demo.api.get(&format!("{path}?limit=5")).await;
    if !demo.count_response(action, &response, &[200]) {
        return;
    }
    let cursor = response.text("next_cursor");
    if !cursor.is_empty() {
        let cursor = percent_encoded(&cursor);
        let response = demo.api.get(&format!("{path}?limit=5&cursor={cursor}")).await;
        demo.count_response(action, &response, &[200]);
    }
}

/// Reads a dataset's description.
pub async fn dataset(demo: &Demo, rng: &mut StdRng) {
    let Some(dataset) = demo.inventory().borrow(rng, |_| true) else { return };
    let response = demo.api.get(&format!("/api/v1/datasets/{}", dataset.id)).await;
    demo.count_response("read a dataset", &response, &[200]);
    demo.inventory().give_back(&dataset);
}

/// Downloads a dataset, or its first bytes.
pub async fn content(demo: &Demo, rng: &mut StdRng) {
    let Some(dataset) = demo.inventory().borrow(rng, |_| true) else { return };
    let request = demo.api.get_from(&format!("/api/v1/datasets/{}/content", dataset.id));
    if rng.random_bool(0.5) {
        let response = demo.api.send(request.header("range", "bytes=0-99")).await;
        demo.count_response("download a range", &response, &[206]);
    } else {
        let response = demo.api.send(request).await;
        demo.count_response("download a dataset", &response, &[200]);
    }
    demo.inventory().give_back(&dataset);
}

/// Reads a run.
pub async fn run(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let response = demo.api.get(&format!("/api/v1/runs/{}", model.run_id)).await;
    demo.count_response("read a run", &response, &[200]);
}

/// Downloads a model.
pub async fn model(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let response = demo.api.get(&format!("/api/v1/runs/{}/model", model.run_id)).await;
    demo.count_response("download a model", &response, &[200]);
}

/// Asks for what does not exist.
pub async fn missing(demo: &Demo) {
    let id = uuid::Uuid::now_v7();
    let paths = [
        format!("/api/v1/datasets/{id}"),
        format!("/api/v1/runs/{id}"),
        format!("/api/v1/runs/{id}/model"),
        "/jobs/stats/no_such_job".to_owned(),
        "/no/such/page".to_owned(),
    ];
    // One after the other, so that a short demo requests each.
    let count = demo.missing_requests.fetch_add(1, Ordering::Relaxed);
    let response = demo.api.get(&paths[count % paths.len()]).await;
    demo.count_response("request a missing resource", &response, &[404]);
}

/// Asks how the server is.
pub async fn health(demo: &Demo, rng: &mut StdRng) {
    let path = ["/health", "/healthz", "/readyz", "/livez"].choose(rng).expect("there are paths");
    demo.count_response("ask for health", &demo.api.get(path).await, &[200]);
}

/// Reads the history of the scheduled jobs.
pub async fn jobs(demo: &Demo, rng: &mut StdRng) {
    let path = if rng.random_bool(0.5) { "/jobs/status?limit=10" } else { "/jobs/stats/ttl_cleanup" };
    demo.count_response("ask for jobs", &demo.api.get(path).await, &[200]);
}

/// Runs clean-up now.
pub async fn run_cleanup(demo: &Demo) {
    let response = demo.api.post("/jobs/ttl_cleanup/run", &serde_json::json!({})).await;
    demo.count_response("run clean-up", &response, &[202]);
}
