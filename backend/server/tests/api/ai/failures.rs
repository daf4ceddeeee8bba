//! What a provider can do wrong, and what is told of it: to the client, by the counters, and in the ledger.

use std::time::{Duration, Instant};

use belfry_test_support::ai_provider::{Reply, TEXT};
use reqwest::StatusCode;
use serde_json::Value;

use super::{TABLE, World, assert_calls, describe, text_of};
use crate::api::support::runs::upload;
use crate::api::support::server::problem;

const OPERATION: &str = "describe_dataset";

#[tokio::test]
async fn each_failure_has_its_own_code_and_row() {
    let world = World::new().await;
    let server = world.start(&[("AI__RETRIES", "0"), ("AI__TIMEOUT", "1s")]).await;
    let id = upload(&server, TABLE).await;
    let bad_gateway = StatusCode::BAD_GATEWAY;
    let mut outcomes = Vec::new();
    for (reply, outcome, status, code) in [
        (Reply::Never, "timeout", StatusCode::GATEWAY_TIMEOUT, "ai_timeout"),
        (Reply::Late(Duration::from_secs(30)), "timeout", StatusCode::GATEWAY_TIMEOUT, "ai_timeout"),
        (Reply::Error(401, None), "refused", bad_gateway, "ai_refused"),
        (Reply::Error(403, None), "refused", bad_gateway, "ai_refused"),
        (Reply::Error(404, None), "bad_request", bad_gateway, "ai_request_refused"),
        (Reply::Error(429, Some("7")), "rate_limited", StatusCode::SERVICE_UNAVAILABLE, "ai_rate_limited"),
        (Reply::Error(504, None), "timeout", StatusCode::GATEWAY_TIMEOUT, "ai_timeout"),
        (Reply::Error(500, None), "server_error", bad_gateway, "ai_failed"),
        (Reply::Body("<html>"), "malformed", bad_gateway, "ai_answer_invalid"),
        (
            Reply::Changed(|completion| completion["choices"] = Value::Array(vec![])),
            "malformed",
            bad_gateway,
            "ai_answer_empty",
        ),
        (Reply::Long(2 << 20), "malformed", bad_gateway, "ai_answer_too_large"),
        (Reply::BrokenOff, "truncated", bad_gateway, "ai_answer_truncated"),
    ] {
        let called = format!("{reply:?}");
        world.provider.reply([reply]);
        let response = describe(&server, &id).await;
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(retry_after.as_deref(), (outcome == "rate_limited").then_some("7"), "{called}");
        let problem = problem(response, status, code).await;
        assert!(problem["detail"].as_str().unwrap().starts_with("the AI provider "), "{called}: {problem}");
        outcomes.push(outcome);
    }
    assert_calls(&server, OPERATION, &outcomes).await;
    let calls = r#"external_api_requests_total{service="ai",endpoint="/chat/completions",status="401"}"#;
    assert_eq!(server.metric(calls).await, Some(1.0));
    // None of it is the fault of this server, and nothing of it was stored.
    assert_eq!(server.metric(r#"errors_total{error_type="ai_failed",component="api"}"#).await, None);
    assert_eq!(server.json(&format!("/api/v1/datasets/{id}")).await["description"], Value::Null);
    assert_eq!(text_of(describe(&server, &id).await).await["text"], TEXT);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_tried_again() {
    let world = World::new().await;
    let settings = [("AI__BASE_URL", "http://127.0.0.1:9/v1"), ("AI__RETRIES", "1")];
    let server = world.start(&settings).await;
    let id = upload(&server, TABLE).await;
    problem(describe(&server, &id).await, StatusCode::BAD_GATEWAY, "ai_unreachable").await;
    assert_calls(&server, OPERATION, &["unreachable", "unreachable"]).await;
}

#[tokio::test]
async fn a_provider_that_recovers_is_waited_for() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    world.provider.reply([Reply::Error(500, None), Reply::Error(429, Some("2"))]);
    let began = Instant::now();
    assert_eq!(text_of(describe(&server, &id).await).await["text"], TEXT);
    assert!(began.elapsed() >= Duration::from_secs(2), "Retry-After was not honoured: {:?}", began.elapsed());
    assert_calls(&server, OPERATION, &["server_error", "rate_limited", "ok"]).await;
    assert_eq!(world.provider.asked().len(), 3);
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_the_clients() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    world.provider.reply([Reply::Error(429, Some("100000"))]);
    let response = describe(&server, &id).await;
    assert_eq!(response.headers()["retry-after"], "3600");
    problem(response, StatusCode::SERVICE_UNAVAILABLE, "ai_rate_limited").await;
    assert_calls(&server, OPERATION, &["rate_limited"]).await;
}

#[tokio::test]
async fn retries_end_and_what_may_be_billed_is_not_retried() {
    let world = World::new().await;
    let server = world.start(&[("AI__RETRIES", "1")]).await;
    let id = upload(&server, TABLE).await;
    world.provider.reply([Reply::Error(503, None), Reply::Error(503, None)]);
    problem(describe(&server, &id).await, StatusCode::BAD_GATEWAY, "ai_failed").await;
    world.provider.reply([Reply::BrokenOff]);
    problem(describe(&server, &id).await, StatusCode::BAD_GATEWAY, "ai_answer_truncated").await;
    assert_calls(&server, OPERATION, &["server_error", "server_error", "truncated"]).await;
}

#[tokio::test]
async fn a_text_without_usage_is_given_and_recorded_as_such() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    world.provider.reply([Reply::Changed(|completion| {
        completion.as_object_mut().unwrap().remove("usage");
    })]);
    assert_eq!(text_of(describe(&server, &id).await).await["text"], TEXT);
    assert_calls(&server, OPERATION, &["no_usage"]).await;
}
