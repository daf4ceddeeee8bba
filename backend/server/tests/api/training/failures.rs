//! Runs that go wrong, each in its own way, while the server stays well; and runs that are refused before they begin.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::runs::{
    FAKE, await_end, await_gone, await_step, children, submit, submit_fake, upload, upload_shipped,
};
use crate::api::support::server::{Server, problem};

/// Every way to go wrong, and what it is called.
#[tokio::test]
async fn a_run_that_dies_says_how_and_harms_nothing_else() {
    let server = Server::start_with(&[FAKE, ("TRAINING__MEMORY_LIMIT", "64MiB")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    for (behaviour, outcome) in [("panic", "panicked"), ("oom", "out_of_memory"), ("stack", "crashed")] {
        let id = submit_fake(&server, &dataset_id, behaviour, 100).await;
        let ended = await_end(&server, &id).await;
        assert_eq!((&ended["status"], &ended["outcome"]), (&json!("failed"), &json!(outcome)), "{behaviour}: {ended}");
        assert_eq!((&ended["error"]["code"], &ended["attempts"]), (&json!(outcome), &json!(1)));
        assert_eq!(ended["progress"]["iteration"], 2, "the steps before the end are kept");
        let counted = format!(r#"belfry_training_runs_total{{algorithm="other",outcome="{outcome}"}}"#);
        server.await_metric(&counted, 1.0).await;
    }
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    let id = submit_fake(&server, &dataset_id, "ok", 5).await;
    assert_eq!(await_end(&server, &id).await["outcome"], "completed");
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_ended_even_if_it_hangs() {
    let server = Server::start_with(&[FAKE, ("TRAINING__TIMEOUT", "1s")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    for (count, behaviour) in [(1.0, "slow"), (2.0, "hang")] {
        let id = submit_fake(&server, &dataset_id, behaviour, 100_000).await;
        await_step(&server, &id).await;
        let processes = children(server.pid());
        let ended = await_end(&server, &id).await;
        assert_eq!((&ended["outcome"], &ended["error"]["code"]), (&json!("timed_out"), &json!("timed_out")), "{ended}");
        await_gone(&processes).await;
        server.await_metric(r#"belfry_training_runs_total{algorithm="other",outcome="timed_out"}"#, count).await;
    }
}

#[tokio::test]
async fn what_can_be_known_before_is_refused_before() {
    let server = Server::start().await;
    let dataset_id = upload(&server, "a,b,none,label\n1,x,,u\n2,y,,v\n3,z,,u\n").await;
    let cases = [
        (json!({"target": "c"}), "unknown_target", json!({"found": "c", "expected": ["a", "b", "none", "label"]})),
        (
            json!({"algorithm": "oracle"}),
            "unknown_algorithm",
            json!({"found": "oracle", "expected": ["gradient_boosting", "random_forest", "logistic_regression", "elastic_net"]}),
        ),
        (json!({"algorithm": "fake"}), "unknown_algorithm", json!({"found": "fake"})),
        (
            json!({"params": {"n_trees": 100_000}}),
            "invalid_parameter",
            json!({"parameter": "n_trees", "found": "100000", "expected": "a whole number from 1 to 1000"}),
        ),
        (json!({"params": {"n_trees": 1.5}}), "invalid_parameter", json!({"parameter": "n_trees", "found": "1.5"})),
        (json!({"params": {"trees": 10}}), "invalid_parameter", json!({"parameter": "trees"})),
        (json!({"params": [1]}), "invalid_parameter", json!({"parameter": "params", "found": "an array"})),
        (json!({"seed": -1}), "invalid_parameter", json!({"parameter": "seed", "found": "-1"})),
        (json!({"seed": u64::MAX}), "invalid_parameter", json!({"parameter": "seed"})),
        (
            json!({"test_fraction": 0.9}),
            "invalid_parameter",
            json!({"parameter": "test_fraction", "found": "0.9", "expected": "a number from 0.05 to 0.5"}),
        ),
        (json!({"task": "clustering"}), "unknown_task", json!({"found": "clustering"})),
        (json!({"task": "regression"}), "target_not_numeric", json!({})),
        (json!({"algorithm": "elastic_net"}), "task_unsupported", json!({})),
        (json!({"target": "a", "task": "classification", "algorithm": "elastic_net"}), "task_unsupported", json!({})),
        (json!({"target": "none"}), "target_empty", json!({})),
        (json!({"tagret": "a"}), "invalid_body", json!({})),
    ];
    for (changes, code, details) in cases {
        let mut run = json!({"dataset_id": dataset_id, "target": "label"});
        run.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let answer = problem(server.post("/api/v1/runs", &run).await, StatusCode::UNPROCESSABLE_ENTITY, code).await;
        for (name, value) in details.as_object().unwrap() {
            assert_eq!(&answer[name], value, "{changes}: {answer}");
        }
    }
    for dataset_id in ["01890000-0000-7000-8000-000000000000", "../../etc/passwd", "a\0b"] {
        let run = json!({"dataset_id": dataset_id, "target": "label"});
        problem(server.post("/api/v1/runs", &run).await, StatusCode::NOT_FOUND, "not_found").await;
    }
    assert_eq!(server.json("/api/v1/runs").await["items"], json!([]), "a refused run was queued");
}

#[tokio::test]
async fn elastic_net_on_numbers_that_are_classes_is_refused_at_once() {
    let server = Server::start().await;
    let dataset_id = upload(&server, table(|row| (row % 3).to_string())).await;
    let run = json!({"dataset_id": dataset_id, "target": "y", "algorithm": "elastic_net"});
    problem(server.post("/api/v1/runs", &run).await, StatusCode::UNPROCESSABLE_ENTITY, "task_unsupported").await;
    assert_eq!(server.json("/api/v1/runs").await["items"], json!([]));
    // As amounts, they can be predicted.
    let mut run = run;
    run["task"] = json!("regression");
    let id = submit(&server, run).await;
    assert_eq!(await_end(&server, &id).await["outcome"], "completed");
}

#[tokio::test]
async fn a_body_that_is_not_an_object_of_json_is_refused() {
    let server = Server::start().await;
    let send = |content_type: Option<&str>, body: &'static str| {
        let request = server.client.post(format!("{}/api/v1/runs", server.url)).body(body);
        match content_type {
            Some(content_type) => request.header("content-type", content_type).send(),
            None => request.send(),
        }
    };
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let told = send(content_type, "{}").await.unwrap();
        let told = problem(told, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type").await;
        let words = told["detail"].as_str().unwrap();
        assert!(words.starts_with("Content-Type: found ") && words.ends_with("expected application/json"), "{told}");
    }
    let json = Some("application/json; charset=utf-8");
    problem(send(json, "{\"a").await.unwrap(), StatusCode::BAD_REQUEST, "invalid_json").await;
    for (body, says) in [
        ("[]", "invalid type: array, expected an object"),
        ("\"x\"", "expected an object"),
        ("{\"dataset_id\": 1}", "dataset_id: invalid type: integer `1`, expected a string"),
        ("{\"dataset_id\": {}}", "dataset_id: invalid type: object, expected a string"),
        ("{\"dataset_id\": \"1\"}", "missing field `target`"),
    ] {
        let told = problem(send(json, body).await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY, "invalid_body").await;
        let words = told["detail"].as_str().unwrap();
        assert!(words.contains(says) && !words.contains("struct") && !words.contains("deserialize"), "{told}");
    }
}

/// Forty rows of two good columns and a target.
fn table(target: impl Fn(usize) -> String) -> String {
    let mut csv = "a,b,y\n".to_owned();
    for row in 0..40 {
        writeln!(csv, "{row},{},{}", (row * 7) % 5, target(row)).unwrap();
    }
    csv
}

#[tokio::test]
async fn data_that_cannot_be_learned_from_fails_with_the_reason() {
    let server = Server::start().await;
    let letter = |row: usize| ["u", "v"][row % 2].to_owned();
    let nothing_to_learn_from = {
        let mut csv = "a,b,y\n".to_owned();
        (0..40).for_each(|row| writeln!(csv, "7,,{}", letter(row)).unwrap());
        csv
    };
    let cases = [
        ("gradient_boosting", table(|_| "only".to_owned()), "one_class", "at least two classes"),
        ("elastic_net", table(|_| "3.5".to_owned()), "one_class", "at least two different numbers"),
        ("random_forest", nothing_to_learn_from, "no_features", "constant, empty"),
        (
            "gradient_boosting",
            table(|row| if row == 0 { "rare".into() } else { letter(row) }),
            "class_too_small",
            "`rare`",
        ),
        ("logistic_regression", table(|row| format!("{row}.5")), "task_unsupported", "regression"),
        ("gradient_boosting", "a,y\n1,u\n2,v\n".to_owned(), "too_few_rows", "2 rows"),
    ];
    for (index, (algorithm, csv, code, says)) in cases.into_iter().enumerate() {
        let dataset_id = upload(&server, csv).await;
        let id = submit(&server, json!({"dataset_id": dataset_id, "target": "y", "algorithm": algorithm})).await;
        let ended = await_end(&server, &id).await;
        assert_eq!((&ended["status"], &ended["outcome"]), (&json!("failed"), &json!("failed")), "{index}: {ended}");
        assert_eq!(ended["error"]["code"], code, "{ended}");
        assert!(ended["error"]["message"].as_str().unwrap().contains(says), "{ended}");
    }
    // The data's fault is none of ours.
    let page = server.get("/metrics").await.text().await.unwrap();
    assert!(!page.contains(r#"component="training""#), "{page}");
}

#[tokio::test]
async fn constant_and_empty_columns_are_left_out_and_named() {
    let server = Server::start().await;
    let mut csv = "a,same,none,y\n".to_owned();
    (0..40).for_each(|row| writeln!(csv, "{row},7,NA,{}", if row < 20 { "low" } else { "high" }).unwrap());
    let dataset_id = upload(&server, csv).await;
    let id = submit(&server, json!({"dataset_id": dataset_id, "target": "y"})).await;
    let ended = await_end(&server, &id).await;
    assert_eq!(ended["outcome"], "completed", "{ended}");
    let expected = json!([{"name": "same", "reason": "constant"}, {"name": "none", "reason": "all_missing"}]);
    assert_eq!(ended["report"]["dropped_columns"], expected);
}

#[tokio::test]
async fn a_full_queue_sends_away_and_takes_in_again() {
    let server = Server::start_with(&[FAKE, ("TRAINING__WORKERS", "0"), ("TRAINING__MAX_QUEUED", "2")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let first = submit_fake(&server, &dataset_id, "ok", 1).await;
    submit_fake(&server, &dataset_id, "ok", 1).await;
    let run = json!({"dataset_id": dataset_id, "target": "species"});
    let answer = server.post("/api/v1/runs", &run).await;
    assert!(answer.headers().contains_key("retry-after"));
    problem(answer, StatusCode::SERVICE_UNAVAILABLE, "busy").await;
    server.await_metric(r#"belfry_queue_depth{status="queued"}"#, 2.0).await;
    server.post(&format!("/api/v1/runs/{first}/cancel"), &Value::Null).await;
    submit(&server, run).await;
}

#[tokio::test]
async fn a_dataset_in_use_stays_and_one_that_is_gone_fails_its_run() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    let path = format!("{}/api/v1/datasets/{dataset_id}", server.url);
    let answer = server.client.delete(&path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    server.post(&format!("/api/v1/runs/{id}/cancel"), &Value::Null).await;
    await_end(&server, &id).await;
    assert_eq!(server.client.delete(&path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let run = json!({"dataset_id": dataset_id, "target": "species"});
    problem(server.post("/api/v1/runs", &run).await, StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn a_lost_file_is_an_internal_failure_and_is_tried_again() {
    let server = Server::start_with(&[FAKE, ("TRAINING__LEASE", "5s"), ("TRAINING__MAX_ATTEMPTS", "2")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let files = server.folder.path().join("files/datasets");
    for file in std::fs::read_dir(files).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let id = submit(&server, json!({"dataset_id": dataset_id, "target": "species"})).await;
    let ended = await_end(&server, &id).await;
    assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("failed"), &json!(2)), "{ended}");
    // What exactly is wrong inside is not for the client.
    assert_eq!(ended["error"], json!({"code": "internal", "message": "an internal error"}));
    let counted = r#"errors_total{error_type="internal",component="training"}"#;
    assert_eq!(server.metric(counted).await, Some(2.0));
}
