//! The texts: what is asked for, stored, shown and repeated.

use belfry_test_support::ai_provider::{ANSWERED_MODEL, Reply, TEXT};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{TABLE, World, assert_calls, describe, explain, text_of, trained};
use crate::api::support::runs::{FAKE, await_end, submit_fake, upload, upload_shipped};
use crate::api::support::server::{Server, problem};

#[tokio::test]
async fn without_a_provider_the_routes_say_so() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset = upload_shipped(&server, "penguins.csv").await;
    let run = submit_fake(&server, &dataset, "ok", 1).await;
    await_end(&server, &run).await;
    for response in [describe(&server, &dataset).await, explain(&server, &run).await] {
        assert_eq!(response.headers().get("retry-after"), None);
        problem(response, StatusCode::SERVICE_UNAVAILABLE, "ai_disabled").await;
    }
    assert_eq!(server.json(&format!("/api/v1/datasets/{dataset}")).await["description"], Value::Null);
    assert_eq!(server.json(&format!("/api/v1/runs/{run}")).await["explanation"], Value::Null);
    assert_eq!(server.metric("errors_total{error_type=\"ai_disabled\",component=\"api\"}").await, None);
}

#[tokio::test]
async fn a_dataset_is_described_once_and_again_when_asked() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    let path = format!("/api/v1/datasets/{id}");
    let described = text_of(describe(&server, &id).await).await;
    assert_eq!((&described["text"], &described["model"]), (&json!(TEXT), &json!(ANSWERED_MODEL)));
    assert_eq!((&described["is_new"], &described["is_cut"]), (&json!(true), &json!(false)));

    let repeated = text_of(describe(&server, &id).await).await;
    assert_eq!((&repeated["text"], &repeated["is_new"]), (&json!(TEXT), &json!(false)));
    assert_eq!(world.provider.asked().len(), 1);
    let shown = server.json(&path).await["description"].clone();
    assert_eq!((&shown["text"], &shown["created_at"]), (&json!(TEXT), &described["created_at"]));
    assert_eq!(server.json("/api/v1/datasets").await["items"][0]["description"], shown);

    world.provider.reply([Reply::Text("A table of things.".to_owned())]);
    let again = server.post(&format!("{path}/describe?again=true"), &json!({})).await;
    assert_eq!(text_of(again).await["text"], "A table of things.");
    assert_eq!(server.json(&path).await["description"]["text"], "A table of things.");
    assert_calls(&server, "describe_dataset", &["ok", "ok"]).await;
    let misspelt = server.post(&format!("{path}/describe?agian=true"), &json!({})).await;
    problem(misspelt, StatusCode::BAD_REQUEST, "invalid_query").await;
}

#[tokio::test]
async fn a_completed_run_is_explained_and_keeps_that() {
    let world = World::new().await;
    let mut server = world.start(&[]).await;
    let id = trained(&server, TABLE, "kind").await;
    assert_eq!(text_of(explain(&server, &id).await).await["text"], TEXT);
    assert_eq!(server.metric("belfry_explanations_total").await, Some(1.0));
    assert_calls(&server, "explain_run", &["ok"]).await;

    let asked = world.provider.asked().remove(0);
    let data = asked.data();
    assert_eq!((&data["algorithm"], &data["target_column"]), (&json!("random_forest"), &json!("kind")), "{data}");
    assert!(data["scores_on_held_out_rows"]["accuracy"].is_number(), "{data}");
    assert_eq!(data["columns_learned_from"], 2, "{data}");
    let columns = data["most_important_columns"].as_array().unwrap();
    let shares: f64 = columns.iter().map(|column| column["importance"].as_f64().unwrap()).sum();
    assert!(columns.len() == 2 && (0.99..1.01).contains(&shares), "{data}");
    assert_eq!(asked.body["max_tokens"], 2000);

    server.kill_and_restart();
    assert_eq!(server.json(&format!("/api/v1/runs/{id}")).await["explanation"]["text"], TEXT);
    assert_eq!(text_of(explain(&server, &id).await).await["is_new"], false);
    assert_eq!(world.provider.asked().len(), 1);
}

#[tokio::test]
async fn only_a_completed_run_can_be_explained() {
    let world = World::new().await;
    let server = world.start(&[FAKE]).await;
    let dataset = upload_shipped(&server, "penguins.csv").await;
    let failed = submit_fake(&server, &dataset, "panic", 10).await;
    await_end(&server, &failed).await;
    let running = submit_fake(&server, &dataset, "hang", 10).await;
    for id in [failed, running] {
        problem(explain(&server, &id).await, StatusCode::CONFLICT, "no_model").await;
    }
    for id in ["none", "018f0000-0000-7000-8000-000000000000"] {
        problem(explain(&server, id).await, StatusCode::NOT_FOUND, "not_found").await;
        problem(describe(&server, id).await, StatusCode::NOT_FOUND, "not_found").await;
    }
    assert!(world.provider.asked().is_empty());
}

#[tokio::test]
async fn a_text_that_ended_early_says_so_and_is_plain() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    world.provider.reply([Reply::Changed(|completion| {
        completion["choices"][0]["finish_reason"] = json!("length");
        completion["choices"][0]["message"]["content"] = json!(" A\u{0} table\u{202e} of\u{1b}[0m\n");
    })]);
    let text = text_of(describe(&server, &id).await).await;
    assert_eq!((&text["text"], &text["is_cut"]), (&json!("A table of[0m"), &json!(true)));
}
