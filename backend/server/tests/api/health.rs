//! The four health endpoints.

use std::time::Instant;

use reqwest::StatusCode;

use crate::server::{PATIENCE, Server};

/// Waits until `/health` says so: at the start the scheduler has not looked yet, and a busy machine may miss a deadline.
async fn await_status(server: &Server, status: &str) -> serde_json::Value {
    let started = Instant::now();
    loop {
        let health: serde_json::Value = server.get("/health").await.json().await.unwrap();
        if health["status"] == status {
            return health;
        }
        assert!(started.elapsed() < PATIENCE, "{health}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn health_names_each_dependency_with_what_it_found() {
    let server = Server::start().await;
    let health = await_status(&server, "ok").await;
    for name in ["database", "storage", "scheduler", "disk", "memory"] {
        let check = &health["checks"][name];
        assert_eq!(check["healthy"], true, "{name}: {check}");
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
async fn a_serving_server_is_ready() {
    let server = Server::start().await;
    assert_eq!(server.json("/readyz").await["ready"], true);
}
