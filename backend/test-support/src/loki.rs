//! A Loki that decodes what is pushed to it and keeps the lines.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use crate::{PATIENCE, eventually};

/// A stream's labels and one line.
pub type Line = (Value, Value);

/// Takes pushes on a free port, or refuses them.
#[derive(Clone)]
pub struct Receiver {
    status: Arc<Mutex<StatusCode>>,
    lines: Arc<Mutex<Vec<Line>>>,
    headers: Arc<Mutex<HeaderMap>>,
}

impl Receiver {
    /// Starts one that takes what is pushed; returns it and its URL.
    pub async fn start() -> (Self, String) {
        Self::start_with(StatusCode::NO_CONTENT).await
    }

    /// Starts one that answers pushes with this status. With 408 it never answers.
    pub async fn start_with(status: StatusCode) -> (Self, String) {
        let receiver = Self { status: Arc::new(Mutex::new(status)), lines: Arc::default(), headers: Arc::default() };
        let router = Router::new()
            .route("/loki/api/v1/push", post(push))
            .route("/ready", get(async || "ready"))
            .with_state(receiver.clone());
        let url = crate::stub::serve(router).await;
        (receiver, url)
    }

    /// Answers with this status from now on.
    pub fn answer_with(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    /// Every line that was taken, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    /// The headers of the last push.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.headers.lock().unwrap().clone()
    }

    /// Waits for a line with this message.
    pub async fn await_message(&self, message: &str) -> Line {
        eventually(&format!("a line says {message}"), PATIENCE, async || {
            let lines = self.lines();
            let found = lines.iter().find(|(_, line)| line["message"] == message).cloned();
            found.ok_or_else(|| format!("{lines:?}"))
        })
        .await
    }
}

async fn push(State(receiver): State<Receiver>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    let status = *receiver.status.lock().unwrap();
    if status == StatusCode::REQUEST_TIMEOUT {
        std::future::pending::<()>().await;
    }
    *receiver.headers.lock().unwrap() = headers;
    if status.is_success() {
        let mut lines = receiver.lines.lock().unwrap();
        for stream in body["streams"].as_array().unwrap() {
            for entry in stream["values"].as_array().unwrap() {
                // Nanoseconds, as a string.
                assert!(entry[0].as_str().unwrap().parse::<u128>().unwrap() > 1_700_000_000_000_000_000);
                lines.push((stream["stream"].clone(), serde_json::from_str(entry[1].as_str().unwrap()).unwrap()));
            }
        }
    }
    status
}
