//! The key goes to the provider and nowhere else, and spans say what OpenTelemetry's conventions ask for.

use belfry_test_support::ai_provider::{ANSWERED_MODEL, KEY, MODEL, Reply, TOKENS};
use belfry_test_support::eventually;
use belfry_test_support::otlp::{Collector, Span, any_value::Value as Attribute};
use reqwest::StatusCode;

use super::{TABLE, World, describe, text_of};
use crate::api::support::runs::upload;
use crate::api::support::server::{PATIENCE, Server, problem};

/// Calls that succeed and calls that fail, by a server that says as much as it can.
async fn many_calls(world: &World, server: &Server) -> String {
    let id = upload(server, TABLE).await;
    let mut shown = String::new();
    for status in [401, 404, 429, 500] {
        world.provider.reply([Reply::Error(status, Some("100"))]);
        shown += &describe(server, &id).await.text().await.unwrap();
    }
    world.provider.reply([Reply::BrokenOff]);
    shown += &describe(server, &id).await.text().await.unwrap();
    // A provider that repeats the key.
    world.provider.reply([Reply::Changed(|completion| completion["error"] = serde_json::json!({ "code": KEY }))]);
    shown += &describe(server, &id).await.text().await.unwrap();
    world.provider.reply([Reply::Changed(|completion| {
        for name in ["id", "model", "provider"] {
            completion[name] = KEY.into();
        }
        completion["choices"][0]["message"]["content"] = format!("The key is {KEY}.").into();
    })]);
    let echoed = describe(server, &id).await.text().await.unwrap();
    assert!(echoed.contains("The key is [removed]."), "{echoed}");
    shown += &echoed;
    for group in ["model", "provider"] {
        shown += &server.get(&format!("/api/v1/ai/usage?group_by={group}&format=csv")).await.text().await.unwrap();
    }
    for path in ["/metrics", "/health", &format!("/api/v1/datasets/{id}")] {
        shown += &server.get(path).await.text().await.unwrap();
    }
    shown
}

#[tokio::test]
async fn the_key_goes_to_the_provider_and_nowhere_else() {
    let world = World::new().await;
    let (collector, collector_url) = Collector::start().await;
    let traces = [("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", collector_url.as_str())];
    let talkative = [("LOG__LEVEL", "trace,sqlx=trace"), ("AI__RETRIES", "0")];
    let mut server = world.start(&[traces, talkative].concat()).await;
    let mut shown = many_calls(&world, &server).await;
    let asked = world.provider.asked();
    assert!(asked.iter().all(|asked| asked.authorization.as_deref() == Some(&format!("Bearer {KEY}"))));
    assert!(asked.iter().all(|asked| !asked.body.to_string().contains("canary")));
    for table in ["ai_usage", "datasets"] {
        let rows = match std::env::var("BELFRY_TEST_DATABASE_URL") {
            Ok(_) => format!("SELECT CAST(row_to_json(t) AS TEXT) FROM {table} t"),
            Err(_) => continue,
        };
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_all(&server.database().await).await.unwrap();
        shown += &rows.join("\n");
    }
    server.stop().await;
    shown += &server.log.lock().unwrap().join("\n");
    shown += &format!("{:?}", collector.taken());
    for entry in std::fs::read_dir(server.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            shown += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    assert!(shown.contains("AI call failed") && shown.contains(MODEL), "nothing was said");
    for secret in [KEY, "canary-4f1c", "4f1c-SECRET"] {
        assert!(!shown.contains(secret), "{:?}", shown.lines().find(|line| line.contains(secret)));
    }
}

#[tokio::test]
async fn an_unusable_key_is_refused_without_being_shown() {
    let world = World::new().await;
    let server = world.start(&[("AI__API_KEY", "sk-wrong")]).await;
    let id = upload(&server, TABLE).await;
    let problem = problem(describe(&server, &id).await, StatusCode::BAD_GATEWAY, "ai_refused").await;
    assert_eq!(problem["detail"], "the AI provider answers 401 (invalid_api_key): look at AI__API_KEY and the account");
}

/// The attribute of a span, as text.
fn attribute(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Attribute::StringValue(text) => Some(text.clone()),
        Attribute::IntValue(number) => Some(number.to_string()),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_call_has_a_span_and_each_of_its_tries_has_one() {
    let world = World::new().await;
    let (collector, collector_url) = Collector::start().await;
    let traces = [("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", collector_url.as_str())];
    let mut server = world.start(&traces).await;
    let id = upload(&server, TABLE).await;
    world.provider.reply([Reply::Error(500, None)]);
    text_of(describe(&server, &id).await).await;
    server.stop().await;
    let name = format!("chat {MODEL}");
    let spans = eventually("the span of the call is sent", PATIENCE, async || {
        let spans = collector.spans();
        if spans.iter().any(|span| span.name == name) { Ok(spans) } else { Err(spans.len().to_string()) }
    })
    .await;
    let [chat] = spans.iter().filter(|span| span.name == name).collect::<Vec<_>>()[..] else { panic!("one call") };
    let (prompt, cached, completion, reasoning) = TOKENS;
    for (name, expected) in [
        ("gen_ai.operation.name", "chat".to_owned()),
        ("gen_ai.provider.name", "openai".to_owned()),
        ("gen_ai.prompt.name", "describe_dataset".to_owned()),
        ("gen_ai.request.model", MODEL.to_owned()),
        ("gen_ai.request.max_tokens", "2000".to_owned()),
        ("gen_ai.response.model", ANSWERED_MODEL.to_owned()),
        ("gen_ai.response.id", "chatcmpl-123".to_owned()),
        ("gen_ai.usage.input_tokens", prompt.to_string()),
        ("gen_ai.usage.output_tokens", completion.to_string()),
        ("gen_ai.usage.cache_read.input_tokens", cached.to_string()),
        ("gen_ai.usage.reasoning.output_tokens", reasoning.to_string()),
        ("server.address", "127.0.0.1".to_owned()),
    ] {
        assert_eq!(attribute(chat, name), Some(expected), "{name}");
    }
    assert_eq!(attribute(chat, "error.type"), None);
    let mut tries: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == chat.span_id).collect();
    tries.sort_by_key(|span| span.start_time_unix_nano);
    let told = |name: &str| tries.iter().map(|span| attribute(span, name)).collect::<Vec<_>>();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told("http.response.status_code"), [some("500"), some("200")]);
    assert_eq!(told("http.request.resend_count"), [None, some("1")]);
    assert_eq!(told("error.type"), [some("server_error"), None]);
    // Each try passes its own span on.
    for (span, asked) in tries.iter().zip(world.provider.asked()) {
        let traceparent = asked.traceparent.unwrap();
        let id = span.span_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(traceparent.contains(&id), "{traceparent} names another span than {id}");
    }
}
