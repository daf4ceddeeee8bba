//! What the chat is told of the service's own alerts.

use serde_json::json;

use super::World;
use crate::api::support::server::Server;

/// A server whose disk is said to be full, and one that then finds that it is not.
const FULL: (&str, &str) = ("ALERTS__THRESHOLD_DISK", "1");

async fn check(server: &Server) {
    server.post("/jobs/resource_check/run", &json!({})).await;
}

#[tokio::test]
async fn an_alert_is_told_when_it_begins_and_when_it_ends() {
    let world = World::new().await;
    let mut server = world.start(&[FULL]).await;
    let begun = world.telegram.await_texts(1).await.remove(0);
    let lines: Vec<&str> = begun.lines().collect();
    assert_eq!(&lines[..2], ["⚠️ WARNING", "Component: resources"], "{begun}");
    assert!(lines[2].starts_with("Time: 20") && lines[2].ends_with(" UTC"), "{begun}");
    assert!(lines[3].is_empty() && lines[4].starts_with("DiskAlmostFull: "), "{begun}");
    // It stays, and is not told again, not even by the server's next life.
    check(&server).await;
    server.kill_and_restart();
    check(&server).await;
    server.kill();
    server.start_again(&[("ALERTS__THRESHOLD_DISK", "98")]);
    let texts = world.telegram.await_texts(2).await;
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].starts_with("ℹ️ INFO\n") && texts[1].contains("DiskAlmostFull is resolved"), "{}", texts[1]);
    server.await_metric(r#"belfry_alert_messages_total{outcome="sent"}"#, 1.0).await;
}

#[tokio::test]
async fn nobody_is_told_in_the_mode_observe() {
    let world = World::new().await;
    let server = world.start(&[FULL, ("ALERTS__MODE", "observe")]).await;
    server.await_metric(r#"belfry_alert_messages_total{outcome="off"}"#, 1.0).await;
    // A question is answered, and that is all that was sent.
    let answer = world.ask("/alerts").await;
    assert!(answer.contains("DiskAlmostFull"), "{answer}");
}
