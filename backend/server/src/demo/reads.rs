//! What only reads, what asks for things that do not exist, and the jobs.

use std::sync::atomic::Ordering;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::Demo;

/// Lists a collection, and its second page where it has one.
pub async fn list(demo: &Demo, action: &'static str, path: &str) {
    let answer = demo.api.get(&format!("{path}?limit=5")).await;
    if !demo.count_answer(action, &answer, &[200]) {
        return;
    }
    let cursor = answer.text("next_cursor");
    if !cursor.is_empty() {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("cursor", &cursor).finish();
        let answer = demo.api.get(&format!("{path}?limit=5&{query}")).await;
        demo.count_answer(action, &answer, &[200]);
    }
}

/// Reads a dataset's description.
pub async fn dataset(demo: &Demo, rng: &mut StdRng) {
    let Some(dataset) = demo.inventory().borrow(rng, |_| true) else { return };
    let answer = demo.api.get(&format!("/api/v1/datasets/{}", dataset.id)).await;
    demo.count_answer("read a dataset", &answer, &[200]);
    demo.inventory().give_back(&dataset);
}

/// Downloads a dataset, or its first bytes.
pub async fn content(demo: &Demo, rng: &mut StdRng) {
    let Some(dataset) = demo.inventory().borrow(rng, |_| true) else { return };
    let request = demo.api.get_from(&format!("/api/v1/datasets/{}/content", dataset.id));
    if rng.random_bool(0.5) {
        let answer = demo.api.send(request.header("range", "bytes=0-99")).await;
        demo.count_answer("download a range", &answer, &[206]);
    } else {
        let answer = demo.api.send(request).await;
        demo.count_answer("download a dataset", &answer, &[200]);
    }
    demo.inventory().give_back(&dataset);
}

/// Reads a run.
pub async fn run(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let answer = demo.api.get(&format!("/api/v1/runs/{}", model.run_id)).await;
    demo.count_answer("read a run", &answer, &[200]);
}

/// Downloads a model.
pub async fn model(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let answer = demo.api.get(&format!("/api/v1/runs/{}/model", model.run_id)).await;
    demo.count_answer("download a model", &answer, &[200]);
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
    // One after the other, so that a short demo has asked for each.
    let asked = demo.missing_requests.fetch_add(1, Ordering::Relaxed);
    let answer = demo.api.get(&paths[asked % paths.len()]).await;
    demo.count_answer("ask for what is not there", &answer, &[404]);
}

/// Asks how the server is.
pub async fn health(demo: &Demo, rng: &mut StdRng) {
    let path = ["/health", "/healthz", "/readyz", "/livez"].choose(rng).expect("there are paths");
    demo.count_answer("ask for health", &demo.api.get(path).await, &[200]);
}

/// Reads the history of the scheduled jobs.
pub async fn jobs(demo: &Demo, rng: &mut StdRng) {
    let path = if rng.random_bool(0.5) { "/jobs/status?limit=10" } else { "/jobs/stats/ttl_cleanup" };
    demo.count_answer("ask for jobs", &demo.api.get(path).await, &[200]);
}

/// Runs clean-up now.
pub async fn run_cleanup(demo: &Demo) {
    let answer = demo.api.post("/jobs/ttl_cleanup/run", &serde_json::json!({})).await;
    demo.count_answer("run clean-up", &answer, &[202]);
}
