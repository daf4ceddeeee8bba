//! Logs on their way to Loki: a receiver takes real pushes, decodes the wire format and keeps the lines.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode as Status;
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::runs::upload;
use crate::server::{PATIENCE, Server};

/// A stream's labels and one line.
pub type Line = (Value, Value);

#[derive(Clone, Default)]
pub struct Receiver {
    pub lines: Arc<Mutex<Vec<Line>>>,
}

impl Receiver {
    /// Listens on a free port and returns its URL.
    pub async fn start(&self) -> String {
        let router = Router::new()
            .route("/loki/api/v1/push", post(push))
            .route("/ready", get(async || "ready"))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// Waits for a line with this message.
    async fn await_message(&self, message: &str) -> Line {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let found = self.lines.lock().unwrap().iter().find(|(_, line)| line["message"] == message).cloned();
            if let Some(line) = found {
                return line;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("no line says {message}: {:?}", self.lines.lock().unwrap());
    }
}

async fn push(State(receiver): State<Receiver>, Json(body): Json<Value>) -> Status {
    let mut lines = receiver.lines.lock().unwrap();
    for stream in body["streams"].as_array().unwrap() {
        for entry in stream["values"].as_array().unwrap() {
            assert!(entry[0].as_str().unwrap().parse::<u128>().unwrap() > 1_700_000_000_000_000_000);
            lines.push((stream["stream"].clone(), serde_json::from_str(entry[1].as_str().unwrap()).unwrap()));
        }
    }
    Status::NO_CONTENT
}

#[tokio::test]
async fn switched_on_every_line_reaches_loki_with_its_labels_up_to_the_last() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let mut server = Server::start_with(&[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]).await;
    let (labels, line) = receiver.await_message("listening").await;
    assert_eq!(labels, json!({"service": "belfry", "environment": "production", "level": "info"}));
    assert!(line["address"].is_string(), "{line}");
    assert_eq!(server.stop().await, Some(0));
    // Written when the process was about to end, and delivered before it did.
    let last = receiver.lines.lock().unwrap().iter().any(|(_, line)| line["message"] == "shutdown started");
    assert!(last, "the last line was not delivered");
}

#[tokio::test]
async fn a_line_written_for_a_request_carries_its_id() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let server = Server::start_with(&[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]).await;
    let dataset = upload(&server, "a,b\n1,2\n").await;
    let (_, line) = receiver.await_message("upload stored").await;
    assert_eq!(line["dataset_id"], json!(dataset));
    assert_eq!(line["request_id"].as_str().map(str::len), Some(36), "{line}");
    assert_eq!(line["route"], "/api/v1/datasets");
}

#[tokio::test]
async fn switched_off_nothing_is_sent() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let mut server = Server::start_with(&[("LOKI__ENABLED", "false"), ("LOKI__URL", &url)]).await;
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    assert_eq!(server.stop().await, Some(0));
    assert!(receiver.lines.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_loki_the_service_serves_and_stops_within_its_bound() {
    // A port that nobody listens on.
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap());
    let mut server = Server::start_with(&[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]).await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    let started = Instant::now();
    assert_eq!(server.stop().await, Some(0));
    assert!(started.elapsed().as_secs() < 15, "it took {:?}", started.elapsed());
}
