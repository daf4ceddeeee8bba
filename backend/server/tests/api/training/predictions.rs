//! Predictions by the model of a completed run.

use belfry_test_support::s3::S3;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::api::support::runs::{FAKE, await_end, submit, submit_fake, upload_shipped};
use crate::api::support::server::{Server, problem};

async fn trained(server: &Server, dataset: &str, target: &str, algorithm: &str) -> String {
    let dataset_id = upload_shipped(server, dataset).await;
    let id = submit(server, json!({"dataset_id": dataset_id, "target": target, "algorithm": algorithm})).await;
    assert_eq!(await_end(server, &id).await["outcome"], "completed");
    id
}

async fn predict(server: &Server, id: &str, rows: Value) -> Response {
    server.post(&format!("/api/v1/runs/{id}/predict"), &json!({"rows": rows})).await
}

fn gentoo() -> Value {
    json!({"island": "Biscoe", "bill_length_mm": 48.2, "bill_depth_mm": 14.3, "flipper_length_mm": 217,
           "body_mass_g": 5200, "sex": null, "year": 2008})
}

#[tokio::test]
async fn new_rows_get_a_class_and_its_probabilities() {
    let mut server = Server::start().await;
    for algorithm in ["gradient_boosting", "random_forest", "logistic_regression"] {
        let id = trained(&server, "penguins.csv", "species", algorithm).await;
        let answer: Value = predict(&server, &id, json!([gentoo(), gentoo()])).await.json().await.unwrap();
        assert_eq!(answer["predictions"], json!(["Gentoo", "Gentoo"]));
        let shares = answer["probabilities"][1].as_object().unwrap();
        assert!(shares["Gentoo"].as_f64() > Some(0.8), "{answer}");
        assert!((shares.values().map(|share| share.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-9);
        let counted = format!(r#"belfry_predictions_total{{algorithm="{algorithm}",outcome="completed"}}"#);
        assert_eq!(server.metric(&counted).await, Some(1.0));
        let timed = format!(r#"belfry_prediction_duration_seconds_count{{algorithm="{algorithm}"}}"#);
        assert_eq!(server.metric(&timed).await, Some(1.0));

        // The model comes from the file store again, and says the same.
        server.kill_and_restart();
        assert_eq!(predict(&server, &id, json!([gentoo(), gentoo()])).await.json::<Value>().await.unwrap(), answer);
    }
}

#[tokio::test]
async fn new_rows_get_a_number() {
    let server = Server::start().await;
    let id = trained(&server, "penguins.csv", "body_mass_g", "elastic_net").await;
    let row = json!({"species": "Gentoo", "island": "Biscoe", "bill_length_mm": 48.2, "bill_depth_mm": 14.3,
                     "flipper_length_mm": 217, "sex": "male", "year": 2008});
    let answer: Value = predict(&server, &id, json!([row])).await.json().await.unwrap();
    assert!((4500.0..6500.0).contains(&answer["predictions"][0].as_f64().unwrap()), "{answer}");
    assert_eq!(answer["probabilities"], Value::Null);
}

#[tokio::test]
async fn rows_that_do_not_fit_are_refused_with_row_and_column() {
    let server = Server::start().await;
    let id = trained(&server, "penguins.csv", "species", "gradient_boosting").await;
    let changed = |column: &str, value: Value| {
        let mut row = gentoo();
        row[column] = value;
        row
    };
    let mut lacking = gentoo();
    lacking.as_object_mut().unwrap().remove("island");
    let features =
        json!(["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year"]);
    let many = Value::Array(vec![json!({}); 1001]);
    let cases = [
        (json!([gentoo(), lacking]), "missing_columns", json!({"row": 2, "columns": ["island"]})),
        (
            json!([changed("wing_span", json!(1))]),
            "unexpected_columns",
            json!({"row": 1, "columns": ["wing_span"], "expected": features}),
        ),
        (
            json!([gentoo(), gentoo(), changed("year", json!("soon"))]),
            "wrong_type",
            json!({"row": 3, "column": "year", "found": "a string", "expected": "a number or null"}),
        ),
        (json!([]), "no_rows", json!({"found": 0})),
        (many, "too_many_rows", json!({"found": 1001, "expected": "at most 1000 rows"})),
        (json!(["a row"]), "invalid_body", json!({})),
    ];
    for (rows, code, details) in cases {
        let answer = problem(predict(&server, &id, rows).await, StatusCode::UNPROCESSABLE_ENTITY, code).await;
        for (name, value) in details.as_object().unwrap() {
            assert_eq!(&answer[name], value, "{answer}");
        }
    }
    // Five reached the model; the last was not understood at all.
    let rejected = r#"belfry_predictions_total{algorithm="gradient_boosting",outcome="rejected"}"#;
    assert_eq!(server.metric(rejected).await, Some(5.0));
}

#[tokio::test]
async fn a_run_without_a_model_predicts_nothing() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "panic", 10).await;
    await_end(&server, &id).await;
    problem(predict(&server, &id, json!([{}])).await, StatusCode::CONFLICT, "no_model").await;
    problem(server.get(&format!("/api/v1/runs/{id}/model")).await, StatusCode::CONFLICT, "no_model").await;
    problem(predict(&server, "nothing", json!([{}])).await, StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn a_damaged_model_is_our_failure() {
    let server = Server::start().await;
    let id = trained(&server, "iris.csv", "species", "logistic_regression").await;
    for file in std::fs::read_dir(server.folder.path().join("files/models")).unwrap() {
        std::fs::write(file.unwrap().path(), "{}").unwrap();
    }
    let row = json!([{"sepal_length_cm": 1, "sepal_width_cm": 1, "petal_length_cm": 1, "petal_width_cm": 1}]);
    problem(predict(&server, &id, row).await, StatusCode::INTERNAL_SERVER_ERROR, "internal").await;
    let failed = r#"belfry_predictions_total{algorithm="logistic_regression",outcome="failed"}"#;
    assert_eq!(server.metric(failed).await, Some(1.0));
}

#[tokio::test]
async fn data_and_models_may_lie_in_a_remote_store() {
    let store = S3::start().await;
    let settings = store.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let server = Server::start_with(&settings).await;
    let id = trained(&server, "penguins.csv", "species", "gradient_boosting").await;
    let answer: Value = predict(&server, &id, json!([gentoo()])).await.json().await.unwrap();
    assert_eq!(answer["predictions"], json!(["Gentoo"]));
    let model = server.get(&format!("/api/v1/runs/{id}/model")).await.bytes().await.unwrap();
    let stored = store.folder.path().join("bucket/some/prefix/models").join(format!("{id}-1"));
    assert_eq!(std::fs::read(stored).unwrap(), model);
}
