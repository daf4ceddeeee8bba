//! Logs on their way to Loki: a receiver takes real pushes, decodes the wire format and keeps the lines.

use std::time::Instant;

use belfry_test_support::loki::Receiver;
use belfry_test_support::ports::free_port;
use reqwest::StatusCode;
use serde_json::json;

use crate::api::support::runs::upload;
use crate::api::support::server::Server;

/// What both deliveries do while Loki is there.
async fn every_line_reaches_loki(delivery: &str) {
    let (receiver, url) = Receiver::start().await;
    let instance = ("APP__INSTANCE", "server-1");
    let settings = [("LOKI__ENABLED", "true"), ("LOKI__URL", &url), ("LOKI__DELIVERY", delivery), instance];
    let mut server = Server::start_with(&settings).await;
    let (labels, line) = receiver.await_message("listening").await;
    assert_eq!(
        labels,
        json!({"service": "belfry", "environment": "production", "instance": "server-1", "level": "info"})
    );
    assert!(line["address"].is_string(), "{line}");
    assert_eq!(server.stop().await, Some(0));
    // Written when the process was about to end, and delivered before it did.
    let last = receiver.lines().iter().any(|(_, line)| line["message"] == "shutdown started");
    assert!(last, "the last line was not delivered");
}

#[tokio::test]
async fn every_line_up_to_the_last_reaches_loki_with_its_labels() {
    every_line_reaches_loki("buffered").await;
}

#[tokio::test]
async fn direct_every_line_up_to_the_last_reaches_loki_too() {
    every_line_reaches_loki("direct").await;
}

#[tokio::test]
async fn a_line_written_for_a_request_carries_its_id() {
    let (receiver, url) = Receiver::start().await;
    let server = Server::start_with(&[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]).await;
    let dataset = upload(&server, "a,b\n1,2\n").await;
    let (labels, line) = receiver.await_message("upload stored").await;
    // Of a server that listens on port 0, it is the machine's name alone.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(labels["instance"], machine.trim());
    assert_eq!(line["dataset_id"], json!(dataset));
    assert_eq!(line["request_id"].as_str().map(str::len), Some(36), "{line}");
    assert_eq!((&line["http.request.method"], &line["http.route"]), (&json!("POST"), &json!("/api/v1/datasets")));
}

#[tokio::test]
async fn switched_off_nothing_is_sent() {
    let (receiver, url) = Receiver::start().await;
    let mut server = Server::start_with(&[("LOKI__ENABLED", "false"), ("LOKI__URL", &url)]).await;
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    assert_eq!(server.stop().await, Some(0));
    assert!(receiver.lines().is_empty());
}

#[tokio::test]
async fn without_a_loki_the_service_serves_and_stops_in_time() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut server = Server::start_with(&[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]).await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    let started = Instant::now();
    assert_eq!(server.stop().await, Some(0));
    assert!(started.elapsed().as_secs() < 15, "it took {:?}", started.elapsed());
}
