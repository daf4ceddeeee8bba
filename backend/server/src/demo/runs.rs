//! Training runs, from the request to the end, cancels, and predictions.

use std::time::Duration;

use belfry_learning::algorithm::Algorithm;
use futures::StreamExt;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::Demo;
use super::api::ApiResponse;
use super::inventory::Dataset;
use super::samples::SLOWEST;
use super::uploads::{self, Form};
use crate::error::chain;

const PATH: &str = "/api/v1/runs";

/// No run of the demo takes this long, unless the server has no worker.
const FOLLOW_DEADLINE: Duration = Duration::from_secs(300);

/// Trains a model on a dataset that fits, and follows the run to its end.
pub async fn train(demo: &Demo, rng: &mut StdRng, algorithm: Algorithm) {
    let suits = |sample: &str| demo.samples.by_name(sample).suits(algorithm);
    let Some(dataset) = demo.inventory().borrow(rng, suits) else { return };
    let params = match algorithm {
        Algorithm::GradientBoosting => json!({"n_trees": rng.random_range(5..=30), "max_depth": 4}),
        Algorithm::RandomForest => json!({"n_trees": rng.random_range(5..=30), "max_depth": 8}),
        Algorithm::LogisticRegression => json!({"max_iterations": 50, "alpha": 1.0}),
        Algorithm::ElasticNet => json!({"alpha": 0.01, "l1_ratio": rng.random_range(0.0..=1.0)}),
        Algorithm::Fake => Value::Null,
    };
    let seed = rng.random_range(0..1_000_000);
    if let Some(run) = start(demo, &dataset, algorithm, &params, seed).await {
        if follow(demo, "train, to the end", &run, "completed").await {
            demo.inventory().completed(run, dataset.sample);
        }
        demo.inventory().run_ended();
    }
    demo.inventory().give_back(&dataset);
}

/// Starts a run that would take long, and cancels it.
pub async fn cancel(demo: &Demo, rng: &mut StdRng) {
    let is_slowest = |sample: &str| sample == SLOWEST;
    let mut borrowed = demo.inventory().borrow(rng, is_slowest);
    if borrowed.is_none() {
        uploads::good(demo, demo.samples.by_name(SLOWEST), Form::Gzip).await;
        borrowed = demo.inventory().borrow(rng, is_slowest);
    }
    let Some(dataset) = borrowed else { return };
    let params = json!({"n_trees": 1000, "max_depth": 8});
    if let Some(run) = start(demo, &dataset, Algorithm::GradientBoosting, &params, 1).await {
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..1_000))).await;
        let response = demo.api.post(&format!("{PATH}/{run}/cancel"), &json!({})).await;
        if demo.count_response("cancel a run", &response, &[202]) {
            follow(demo, "cancel, to the end", &run, "cancelled").await;
        }
        demo.inventory().run_ended();
    }
    demo.inventory().give_back(&dataset);
}

/// Cancels a run that has ended.
pub async fn cancel_too_late(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let response = demo.api.post(&format!("{PATH}/{}/cancel", model.run_id), &json!({})).await;
    demo.count_response("cancel, too late", &response, &[409]);
}

/// Asks for a run that cannot be.
pub async fn train_badly(demo: &Demo, rng: &mut StdRng) {
    let Some(dataset) = demo.inventory().borrow(rng, |_| true) else { return };
    let target = demo.samples.by_name(dataset.sample).target;
    let bodies = [
        json!({"dataset_id": dataset.id, "target": "no_such_column"}),
        json!({"dataset_id": dataset.id, "target": target, "algorithm": "crystal_ball"}),
        json!({"dataset_id": dataset.id, "target": target, "params": {"n_trees": 0}}),
        json!({"dataset_id": dataset.id, "target": target, "params": {"no_such_parameter": 1}}),
        json!({"dataset_id": dataset.id, "target": target, "test_fraction": 2.0}),
    ];
    let body = bodies.choose(rng).expect("there are bodies");
    let response = demo.api.post(PATH, body).await;
    demo.count_response("train, bad request", &response, &[422]);
    demo.inventory().give_back(&dataset);
}

/// Predicts a few rows.
pub async fn predict(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let count = rng.random_range(1..=20);
    let rows = demo.samples.by_name(model.sample).some_rows(count, rng);
    let response = demo.api.post(&format!("{PATH}/{}/predict", model.run_id), &json!({"rows": rows})).await;
    demo.count_response("predict", &response, &[200]);
}

/// Predicts a row that does not fit the model.
pub async fn predict_badly(demo: &Demo, rng: &mut StdRng) {
    let Some(model) = demo.inventory().any_model(rng) else { return };
    let mut rows = demo.samples.by_name(model.sample).some_rows(1, rng);
    match rng.random_range(0..3) {
        0 => rows.clear(),
        1 => rows.iter_mut().for_each(|row| drop(row.insert("surplus".to_owned(), json!(1)))),
        _ => rows.iter_mut().for_each(serde_json::Map::clear),
    }
    let response = demo.api.post(&format!("{PATH}/{}/predict", model.run_id), &json!({"rows": rows})).await;
    demo.count_response("predict, bad rows", &response, &[422]);
}

/// Queues a run and counts it as in flight. Its id, unless it was refused.
async fn start(demo: &Demo, dataset: &Dataset, algorithm: Algorithm, params: &Value, seed: u64) -> Option<String> {
    let target = demo.samples.by_name(dataset.sample).target;
    let body = json!({
        "dataset_id": dataset.id, "target": target, "algorithm": algorithm.name(), "params": params, "seed": seed,
    });
    let response = demo.api.post(PATH, &body).await;
    if !demo.count_response(start_label(algorithm), &response, &[202]) {
        return None;
    }
    demo.inventory().run_started();
    Some(response.text("id"))
}

fn start_label(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::GradientBoosting => "train, gradient boosting",
        Algorithm::RandomForest => "train, random forest",
        Algorithm::LogisticRegression => "train, logistic regression",
        Algorithm::ElasticNet => "train, elastic net",
        Algorithm::Fake => "train, fake",
    }
}

/// Follows a run by its events until it has ended. Whether it ended as it was meant to.
async fn follow(demo: &Demo, action: &'static str, run: &str, meant: &str) -> bool {
    let run = tokio::select! {
        () = demo.stop_waiting.cancelled() => {
            // A queue that others fill, or a server without workers, is no fault of a response.
            demo.response_counts().count(action, "still in flight", true, String::new);
            return false;
        }
        run = finished(demo, run) => run,
    };
    match run {
        Ok(run) => {
            let status = run["status"].as_str().unwrap_or("?");
            let why = || format!("meant to be {meant}; run {} ends with {}", run["id"], run["error"]);
            demo.response_counts().count(action, status, status == meant, why);
            status == meant
        }
        Err(response) => {
            demo.count_response(action, &response, &[200]);
            false
        }
    }
}

/// The run as its last event tells it.
async fn finished(demo: &Demo, run: &str) -> Result<Value, ApiResponse> {
    let request = demo.api.get_from(&format!("{PATH}/{run}/events")).timeout(FOLLOW_DEADLINE);
    let response = request.send().await.map_err(|error| ApiResponse::lost(chain(&error)))?;
    if !response.status().is_success() {
        let status = Some(response.status().as_u16());
        return Err(ApiResponse { status, body: Value::Null, detail: response.text().await.unwrap_or_default() });
    }
    let mut chunks = response.bytes_stream();
    let mut text = Vec::new();
    while let Some(chunk) = chunks.next().await {
        text.extend_from_slice(&chunk.map_err(|error| ApiResponse::lost(chain(&error)))?);
        // An event ends with an empty line.
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            if let Some(run) = finished_event(&String::from_utf8_lossy(&event)) {
                return Ok(run);
            }
        }
    }
    Err(ApiResponse::lost("the events ended before the run did".to_owned()))
}

fn finished_event(event: &str) -> Option<Value> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("event:")? != "finished" {
        return None;
    }
    serde_json::from_str(field("data:")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_event_tells_the_run() {
        assert_eq!(finished_event("event: progress\nid: 1\ndata: {\"iteration\":1}\n\n"), None);
        assert_eq!(finished_event(": keep-alive\n\n"), None);
        let run = finished_event("event: finished\ndata: {\"status\":\"completed\"}\n\n").unwrap();
        assert_eq!(run["status"], "completed");
    }
}
