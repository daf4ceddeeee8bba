//! The four health endpoints.

use belfry_test_support::eventually;
use reqwest::StatusCode;

use crate::api::support::server::{PATIENCE, Server};

/// Waits until `/health` says so: at the start the scheduler has not looked yet, and a busy machine may miss a deadline.
async fn await_status(server: &Server, status: &str) -> serde_json::Value {
    eventually(&format!("health is {status}"), PATIENCE, async || {
        let health: serde_json::Value = server.get("/health").await.json().await.unwrap();
        if health["status"] == status { Ok(health) } else { Err(health.to_string()) }
    })
    .await
}

#[tokio::test]
async fn health_names_each_dependency_with_what_it_found() {
    let server = Server::start().await;
    let health = await_status(&server, "ok").await;
    for name in ["database", "storage", "scheduler", "workers", "disk", "memory"] {
        let check = &health["checks"][name];
        assert_eq!((&check["healthy"], &check["status"]), (&true.into(), &"ok".into()), "{name}: {check}");
        assert_eq!(check["required"], ["database", "storage"].contains(&name), "{name}: {check}");
        assert!(check["message"].is_string() && check["latency_ms"].is_f64() && check["required"].is_boolean());
    }
}

#[tokio::test]
async fn healthz_tells_of_resources_and_uptime() {
    let server = Server::start().await;
    let health = server.json("/healthz").await;
    assert_eq!(health["healthy"], true, "{health}");
    assert!(["ok", "warning"].contains(&health["status"].as_str().unwrap()), "{health}");
    assert!(health["checks"]["disk"]["used_percent"].as_f64().unwrap() > 0.0);
    assert!(health["checks"]["memory"]["total_bytes"].as_u64().unwrap() > 0);
    assert!(health["checks"]["uptime"]["text"].is_string());
    assert!(health["checks"]["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_disk_over_its_threshold_is_a_warning_and_still_serves() {
    let server = Server::start_with(&[("ALERTS__THRESHOLD_DISK", "1")]).await;
    let answer = server.get("/healthz").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let health: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(health["status"], "warning", "{health}");
    await_status(&server, "degraded").await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn memory_over_its_threshold_is_a_warning_and_still_serves() {
    let server = Server::start_with(&[("ALERTS__THRESHOLD_MEMORY", "1")]).await;
    let answer = server.get("/healthz").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let health: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (&health["checks"]["memory"]["status"], &health["healthy"]),
        (&"warning".into(), &true.into()),
        "{health}"
    );
}

#[tokio::test]
async fn a_server_without_workers_says_that_others_train() {
    let server = Server::start_with(&[("TRAINING__WORKERS", "0")]).await;
    let health: serde_json::Value = server.get("/health").await.json().await.unwrap();
    let workers = &health["checks"]["workers"];
    assert_eq!((&workers["status"], &workers["healthy"]), (&"disabled".into(), &serde_json::Value::Null), "{workers}");
    assert_eq!(workers["message"], "TRAINING__WORKERS is 0: other processes train");
}

#[tokio::test]
async fn the_scheduler_says_what_is_due_next() {
    let server = Server::start().await;
    eventually("the next due job is named", PATIENCE, async || {
        let health: serde_json::Value = server.get("/health").await.json().await.unwrap();
        let message = health["checks"]["scheduler"]["message"].as_str().unwrap().to_owned();
        let is_named = message.starts_with("polls for due jobs; ") && message.contains(" is due in ");
        if is_named { Ok(()) } else { Err(message) }
    })
    .await;
}

#[tokio::test]
async fn a_serving_server_is_ready() {
    let server = Server::start().await;
    assert_eq!(server.json("/readyz").await["ready"], true);
}
