//! Servers that share nothing but a PostgreSQL database and a bucket.

use std::sync::Arc;

use belfry_test_support::s3::S3;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::runs::{await_end, submit, upload_shipped};
use crate::api::support::server::{Place, Server};
use crate::api::support::skipping::{on_postgres, skipped};
use crate::api::support::uploads::sha256;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_stores_another_trains_on() {
    if !on_postgres() {
        return skipped("SQLite is used by servers of one folder only");
    }
    let s3 = S3::start().await;
    let settings = s3.settings();
    let mut variables: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    variables.push(("TRAINING__WORKERS", "0"));
    let first = Server::start_with(&variables).await;
    let dataset_id = upload_shipped(&first, "iris.csv").await;
    let body = json!({"dataset_id": dataset_id, "target": "species", "params": {"n_trees": 5}});
    let run_id = submit(&first, body).await;

    let mut place = Place { folder: Arc::new(tempfile::tempdir().unwrap()), ..first.place() };
    place.variables.push(("TRAINING__WORKERS".to_owned(), "1".to_owned()));
    let mut second = Server::start_at(place);
    let ended = await_end(&first, &run_id).await;
    assert_eq!(ended["outcome"], "completed", "{ended}");
    assert_eq!(second.stop().await, Some(0));

    let model = first.get(&format!("/api/v1/runs/{run_id}/model")).await;
    assert_eq!(model.status(), StatusCode::OK);
    assert_eq!(sha256(&model.bytes().await.unwrap()), ended["model"]["sha256"]);
    let row = json!({"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2});
    let answer = first.post(&format!("/api/v1/runs/{run_id}/predict"), &json!({"rows": [row]})).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["predictions"], json!(["setosa"]), "{answer}");
    for server in [&first, &second] {
        assert!(!server.folder.path().join("files/datasets").exists(), "the dataset is in a folder of one of them");
    }
}
