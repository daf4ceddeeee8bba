//! Runs from their submission to their model, their progress, and their cancels.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::support::runs::{
    FAKE, await_end, await_gone, await_run, await_step, children, events, run, submit, submit_fake, upload,
    upload_shipped,
};
use crate::api::support::server::{Server, problem};

/// Trains to the end and returns the run.
async fn trained(server: &Server, dataset: &str, target: &str, algorithm: &str) -> Value {
    let dataset_id = upload_shipped(server, dataset).await;
    let id = submit(server, json!({"dataset_id": dataset_id, "target": target, "algorithm": algorithm})).await;
    let run = await_end(server, &id).await;
    assert_eq!(run["outcome"], "completed", "{run}");
    run
}

#[tokio::test]
async fn every_classifier_learns_the_penguins() {
    let server = Server::start().await;
    for algorithm in ["gradient_boosting", "random_forest", "logistic_regression"] {
        let run = trained(&server, "penguins.csv", "species", algorithm).await;
        assert!(run["scores"]["accuracy"].as_f64() > Some(0.96), "{run}");
        assert!(run["scores"]["macro_f1"].as_f64() > Some(0.95), "{run}");
        assert_eq!(
            (&run["status"], &run["task"], &run["attempts"]),
            (&json!("completed"), &json!("classification"), &json!(1))
        );
        assert_eq!(run["progress"]["iteration"], run["report"]["iterations"], "{run}");

        let counted =
            |metric: &str| format!(r#"belfry_training_{metric}{{algorithm="{algorithm}",outcome="completed"}}"#);
        assert_eq!(server.metric(&counted("runs_total")).await, Some(1.0));
        assert_eq!(server.metric(&counted("duration_seconds_count")).await, Some(1.0));
        let steps = format!(r#"belfry_training_iterations_total{{algorithm="{algorithm}"}}"#);
        assert_eq!(server.metric(&steps).await, run["report"]["iterations"].as_f64());
        let score = format!(r#"belfry_training_last_score{{algorithm="{algorithm}",score="accuracy"}}"#);
        assert_eq!(server.metric(&score).await, run["scores"]["accuracy"].as_f64());
    }
    assert_eq!(server.metric("belfry_training_queue_wait_seconds_count").await, Some(3.0));
    assert_eq!(server.metric("belfry_training_workers").await, Some(1.0));
    server.await_metric("belfry_training_in_progress", 0.0).await;
}

#[tokio::test]
async fn every_regressor_learns_the_progression_of_diabetes() {
    let server = Server::start().await;
    for algorithm in ["gradient_boosting", "random_forest", "elastic_net"] {
        let run = trained(&server, "diabetes.csv", "progression", algorithm).await;
        assert!(run["scores"]["rmse"].as_f64() < Some(64.0), "{run}");
        assert!(run["scores"]["r2"].as_f64() > Some(0.15), "{run}");
        assert_eq!(run["task"], "regression");
    }
}

#[tokio::test]
async fn a_compressed_dataset_is_trained_on_with_the_defaults() {
    use std::io::Write;
    let server = Server::start().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&crate::api::support::server::shipped("iris.csv")).unwrap();
    let dataset_id = upload(&server, gzip.finish().unwrap()).await;
    let id = submit(&server, json!({"dataset_id": dataset_id, "target": "species"})).await;
    let run = await_end(&server, &id).await;
    assert!(run["scores"]["accuracy"].as_f64() > Some(0.9), "{run}");
    let asked = (&run["algorithm"], &run["seed"], &run["test_fraction"], &run["params"]["n_trees"]);
    assert_eq!(asked, (&json!("gradient_boosting"), &json!(42), &json!(0.25), &json!(100)));
}

#[tokio::test]
async fn a_model_is_downloaded_as_it_was_trained() {
    use sha2::Digest;
    let server = Server::start().await;
    let run = trained(&server, "iris.csv", "species", "logistic_regression").await;
    let path = format!("/api/v1/runs/{}/model", run["id"].as_str().unwrap());
    let response = server.get(&path).await;
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(tag, format!("\"{}\"", run["model"]["sha256"].as_str().unwrap()));
    let bytes = response.bytes().await.unwrap();
    assert_eq!(Some(bytes.len() as u64), run["model"]["size_bytes"].as_u64());
    assert_eq!(hex::encode(sha2::Sha256::digest(&bytes)), run["model"]["sha256"]);
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap()["target"], "species");

    let again = server.client.get(format!("{}{path}", server.url)).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let ask = |method: Method, name: &str, value: &str| {
        server.client.request(method, format!("{}{path}", server.url)).header(name, value).send()
    };
    let part = ask(Method::GET, "range", "bytes=2-11").await.unwrap();
    assert_eq!(
        (part.status(), &part.headers()["accept-ranges"]),
        (StatusCode::PARTIAL_CONTENT, &"bytes".parse().unwrap())
    );
    assert_eq!(part.bytes().await.unwrap(), bytes[2..12]);
    let another = ask(Method::GET, "if-match", "\"other\"").await.unwrap();
    problem(another, StatusCode::PRECONDITION_FAILED, "precondition_failed").await;
    let head = ask(Method::HEAD, "range", "bytes=2-11").await.unwrap();
    assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &bytes.len().into()));
}

#[tokio::test]
async fn decimal_commas_train_the_model_that_points_would() {
    let server = Server::start().await;
    let rows = (0..40).map(|row| format!("{row}.25;{}.5;{}\n", (row * 7) % 5, ["u", "v"][row % 2]));
    let points = format!("a;b;y\n{}", rows.collect::<String>());
    let mut models = Vec::new();
    for table in [points.replace('.', ","), points] {
        let dataset_id = upload(&server, table).await;
        let id = submit(&server, json!({"dataset_id": dataset_id, "target": "y"})).await;
        assert_eq!(await_end(&server, &id).await["outcome"], "completed");
        let model = server.get(&format!("/api/v1/runs/{id}/model")).await.bytes().await.unwrap();
        let answer =
            server.post(&format!("/api/v1/runs/{id}/predict"), &json!({"rows": [{"a": 3.25, "b": 1.5}]})).await;
        models.push((model, answer.text().await.unwrap()));
    }
    assert_eq!(models[0], models[1]);
}

#[tokio::test]
async fn every_step_is_told_in_order_and_told_again_to_who_missed_it() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 40).await;

    // From the queue to the end.
    let live = events(&server, &id, None).await;
    let ids: Vec<_> = live.iter().filter(|event| event.0 == "progress").map(|event| event.1.clone()).collect();
    assert_eq!(ids, (1..=40).map(|step: i32| step.to_string()).collect::<Vec<_>>());
    assert_eq!(live[0].2, json!({"iteration": 1, "total": 40, "train_loss": 1.0, "valid_loss": 1.0}));
    let (name, _, last) = live.last().unwrap();
    assert_eq!((name.as_str(), &last["status"], &last["id"]), ("finished", &json!("completed"), &json!(id)));
    assert_eq!(live.len(), 41);

    assert_eq!(events(&server, &id, None).await, live, "the replay of a finished run differs");
    assert_eq!(events(&server, &id, Some(38)).await, live[38..]);
    assert_eq!(events(&server, &id, Some(40)).await, live[40..]);
    problem(server.get("/api/v1/runs/nothing/events").await, StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn many_steps_are_all_kept() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "ok", 4321).await;
    await_end(&server, &id).await;
    assert_eq!(events(&server, &id, None).await.len(), 4322);
    assert_eq!(server.metric(r#"belfry_training_iterations_total{algorithm="other"}"#).await, Some(4321.0));
}

async fn cancel(server: &Server, id: &str) -> reqwest::Response {
    server.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await
}

#[tokio::test]
async fn a_waiting_run_is_cancelled_at_once_and_a_running_one_soon() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let running = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    await_step(&server, &running).await;
    let waiting = submit_fake(&server, &dataset_id, "ok", 1).await;
    assert_eq!(server.metric(r#"belfry_queue_depth{status="queued"}"#).await, Some(1.0));
    assert_eq!(server.metric(r#"belfry_queue_depth{status="running"}"#).await, Some(1.0));
    assert_eq!(server.metric("belfry_training_in_progress").await, Some(1.0));

    let answer = cancel(&server, &waiting).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let cancelled: Value = answer.json().await.unwrap();
    assert_eq!((&cancelled["status"], &cancelled["attempts"]), (&json!("cancelled"), &json!(0)));

    let asked = std::time::Instant::now();
    assert_eq!(cancel(&server, &running).await.status(), StatusCode::ACCEPTED);
    let ended = await_end(&server, &running).await;
    assert!(asked.elapsed() < std::time::Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!((&ended["status"], &ended["outcome"]), (&json!("cancelled"), &json!("cancelled")));
    assert_eq!((&ended["error"]["code"], &ended["model"]), (&json!("cancelled"), &Value::Null));

    problem(cancel(&server, &running).await, StatusCode::CONFLICT, "already_ended").await;
    problem(cancel(&server, "nothing").await, StatusCode::NOT_FOUND, "not_found").await;
    server.await_metric(r#"belfry_training_runs_total{algorithm="other",outcome="cancelled"}"#, 2.0).await;
    server.await_metric(r#"belfry_queue_depth{status="queued"}"#, 0.0).await;
    server.await_metric(r#"belfry_queue_depth{status="running"}"#, 0.0).await;
}

#[tokio::test]
async fn a_deaf_child_is_killed_when_its_run_is_cancelled() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "hang", 100).await;
    await_run(&server, &id, |run| run["progress"]["iteration"] == 2).await;
    let processes = children(server.pid());
    assert_eq!(processes.len(), 1);
    cancel(&server, &id).await;
    assert_eq!(await_end(&server, &id).await["outcome"], "cancelled");
    await_gone(&processes).await;
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_page_and_by_filter() {
    let server = Server::start_with(&[FAKE, ("TRAINING__WORKERS", "0")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let other = upload_shipped(&server, "penguins.csv").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, submit_fake(&server, &dataset_id, "ok", 1).await);
    }
    let elsewhere = submit_fake(&server, &other, "ok", 1).await;
    cancel(&server, &ids[2]).await;

    let listed = async |query: &str| {
        let page = server.json(&format!("/api/v1/runs?{query}")).await;
        let ids = page["items"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), page["next_cursor"].as_str().map(ToOwned::to_owned))
    };
    assert_eq!(listed("status=cancelled").await, (vec![ids[2].clone()], None));
    assert_eq!(listed(&format!("dataset_id={other}")).await, (vec![elsewhere], None));
    let (mut seen, mut cursor) = listed(&format!("dataset_id={dataset_id}&limit=2")).await;
    while let Some(next) = cursor {
        let page = listed(&format!("dataset_id={dataset_id}&limit=2&cursor={next}")).await;
        seen.extend(page.0);
        cursor = page.1;
    }
    assert_eq!(seen, ids);

    for (query, code) in [("limit=0", "invalid_limit"), ("limit=201", "invalid_limit"), ("cursor=x", "invalid_cursor")]
    {
        let answer = server.get(&format!("/api/v1/runs?{query}")).await;
        problem(answer, StatusCode::BAD_REQUEST, code).await;
    }
    problem(server.get("/api/v1/runs?status=lost").await, StatusCode::BAD_REQUEST, "invalid_query").await;
    assert_eq!(run(&server, &seen[0]).await["status"], "queued");
}
