//! What others write, what nobody should, and a Telegram that refuses or is away: nothing of it stops the bot, and the token
//! stays where it belongs.

use belfry_test_support::eventually;
use belfry_test_support::telegram::{CHAT, TOKEN};
use serde_json::json;

use super::{World, updates};
use crate::api::support::server::{PATIENCE, Server, command};

/// Waits until the bot has called a method more than once with this result. What it logs of the first call may come before the
/// server listens, from when on its log is kept.
async fn await_calls(server: &Server, method: &str, status: &str) {
    let series = format!(r#"external_api_requests_total{{service="telegram",endpoint="{method}",status="{status}"}}"#);
    eventually(&format!("{series} grows"), PATIENCE, async || server.metric(&series).await >= Some(3.0)).await;
}

#[test]
fn half_a_configuration_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("TELEGRAM__ENABLED", "true"), ("TELEGRAM__BOT", "true"), ("TELEGRAM__TOKEN", TOKEN)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let output = command(&settings, folder.path()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = "TELEGRAM__CHAT_ID: found nothing, expected the chat that is sent the messages, because TELEGRAM__ENABLED is true";
    assert!(!output.status.success() && error.trim().ends_with(expected) && !error.contains(TOKEN), "{error}");
}

#[tokio::test]
async fn only_the_configured_chat_is_answered() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    world.telegram.write_in(7, "/status");
    world.telegram.write_in(-CHAT, "/silence BackendDown 2h");
    world.telegram.write("good morning");
    world.telegram.write("/status@AnotherBot");
    let answer = world.ask("/help").await;
    assert!(answer.starts_with("/status: "), "{answer}");
    server.await_metric(&updates("answered"), 1.0).await;
    server.await_metric(&updates("other_chat"), 2.0).await;
    server.await_metric(&updates("no_command"), 2.0).await;
    world.telegram.await_confirmed().await;
}

#[tokio::test]
async fn hostile_updates_change_nothing() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let hostile = [
        json!({}),
        json!({ "message": null }),
        json!({ "message": [[]] }),
        json!({ "message": { "chat": { "id": CHAT }, "text": { "text": "/help" } } }),
        json!({ "message": { "chat": "all", "text": "/help" } }),
        json!({ "message": { "chat": { "id": CHAT }, "text": format!("/help {}", "x".repeat(100_000)) } }),
    ];
    for update in &hostile {
        world.telegram.update(update);
    }
    // More than is read of an answer; text that is no JSON; arrays within arrays.
    for text in [format!("\"{}\"", "x".repeat(3 << 20)), "]]".to_owned(), "[".repeat(100_000)] {
        let id = world.telegram.next_id();
        world.telegram.update_as_written(format!("{{\"update_id\":{id},\"message\":{text}}}"));
    }
    // An object of no number: what comes behind it is processed all the same.
    world.telegram.update_as_written("{\"update_id\":\"none\"}".to_owned());
    let answer = world.ask("/help").await;
    assert!(answer.starts_with("/status: "), "{answer}");
    world.telegram.await_confirmed().await;
    eventually("all are counted", PATIENCE, async || {
        let counted = server.metric(&updates("malformed")).await.unwrap();
        if counted >= 10.0 { Ok(()) } else { Err(counted.to_string()) }
    })
    .await;
    assert_eq!(world.ask("/alerts").await, "No alert is open.");
    server.await_metric(&updates("answered"), 2.0).await;
}

#[tokio::test]
async fn another_client_of_the_bot_is_logged_once() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    world.telegram.be_in_conflict(true);
    let polls = r#"external_api_requests_total{service="telegram_updates",endpoint="getUpdates",status="409"}"#;
    eventually("it keeps asking", PATIENCE, async || server.metric(polls).await >= Some(3.0)).await;
    world.telegram.be_in_conflict(false);
    let answer = world.ask("/help").await;
    assert!(answer.starts_with("/status: "), "{answer}");
    let lines = server.log.lock().unwrap().clone();
    let said: Vec<_> = lines.iter().filter(|line| line.contains("another client asks for this telegram bot")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("make sure that only one bot instance is running"), "{said:?}");
}

#[tokio::test]
async fn a_telegram_that_is_away_is_asked_until_it_is_back() {
    let world = World::new().await;
    world.telegram.go_away();
    let server = world.start(&[]).await;
    await_calls(&server, "getMe", "broken").await;
    world.telegram.come_back();
    assert!(world.ask("/help").await.starts_with("/status: "));
    world.telegram.go_away();
    server.await_log(&["telegram does not answer the bot", "connection closed mid-response"]).await;
    world.telegram.come_back();
    server.await_log(&["telegram answers the bot again"]).await;
    assert!(world.ask("/help").await.starts_with("/status: "));
    // The answer waits while messages cannot be sent.
    world.telegram.refuse_next(500, json!({ "ok": false }));
    assert!(world.ask("/help").await.starts_with("/status: "));
    server.await_log(&["telegram takes no messages; they wait", "answers 500"]).await;
    server.await_log(&["telegram takes messages again"]).await;
}

#[tokio::test]
async fn what_is_refused_is_in_the_log_as_a_whole() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let description = format!("Forbidden: bot was kicked\nof /bot{TOKEN}/sendMessage");
    world.telegram.refuse_next(403, json!({ "ok": false, "error_code": 403, "description": description }));
    world.telegram.write("/alerts");
    let reason = "answers 403: Forbidden: bot was kicked of /bot[token]/sendMessage";
    server.await_log(&["telegram message not delivered", "\"failed\"", reason, "No alert is open."]).await;
    server.await_metric(r#"belfry_telegram_messages_total{outcome="failed"}"#, 1.0).await;
}

#[tokio::test]
async fn a_command_is_answered_once_even_if_the_server_stops() {
    let world = World::new().await;
    let mut server = world.start(&[]).await;
    world.ask("/help").await;
    assert_eq!(server.stop().await, Some(0));
    let before = world.telegram.calls("getUpdates").len();
    server.start_again(&[]);
    eventually("it asks again", PATIENCE, async || {
        world.telegram.write_in(7, "hello");
        world.telegram.calls("getUpdates").len() > before
    })
    .await;
    world.telegram.await_confirmed().await;
    assert_eq!(world.telegram.messages().len(), 1, "{:?}", world.telegram.messages());
}

#[tokio::test]
async fn the_token_is_in_no_line_and_on_no_page() {
    let world = World::new().await;
    // As talkative as it can be.
    let mut server = world.start(&[("LOG__LEVEL", "trace,sqlx=trace")]).await;
    world.ask("/help").await;
    world.telegram.refuse_next(502, json!(format!("/bot{TOKEN}/sendMessage")));
    world.telegram.refuse_next(400, json!({ "ok": false, "description": format!("no chat for {TOKEN}") }));
    world.telegram.write("/help");
    server.await_log(&["telegram message not delivered"]).await;
    world.telegram.go_away();
    world.telegram.write("/help");
    server.await_log(&["telegram does not answer the bot"]).await;
    let mut shown =
        server.get("/metrics").await.text().await.unwrap() + &server.get("/health").await.text().await.unwrap();
    server.stop().await;
    // Nobody listens on port 9: the client's own error would hold the URL.
    server.start_again(&[("TELEGRAM__BASE_URL", "http://127.0.0.1:9")]);
    await_calls(&server, "getMe", "unreachable").await;
    shown += &server.get("/metrics").await.text().await.unwrap();
    server.stop().await;
    world.telegram.come_back();
    server.start_again(&[("TELEGRAM__BASE_URL", &world.url), ("TELEGRAM__TOKEN", "123456:a-wrong-SECRET_token")]);
    await_calls(&server, "getMe", "401").await;
    shown += &server.get("/metrics").await.text().await.unwrap();
    server.stop().await;
    shown += &server.log.lock().unwrap().join("\n");
    for secret in [TOKEN, "a-very-SECRET_token", "a-wrong-SECRET_token"] {
        assert!(!shown.contains(secret), "{:?}", shown.lines().find(|line| line.contains(secret)));
    }
}
