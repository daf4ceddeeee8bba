//! A Loki that decodes what is pushed to it, as JSON or as protobuf, and keeps the lines.
//!
//! Source: Loki's HTTP API, `POST /loki/api/v1/push`, and the default `limits_config` of its configuration.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use loki_api::logproto::PushRequest;
use loki_api::prost::Message;
use serde_json::{Map, Value};

use crate::{PATIENCE, eventually};

/// A stream's labels and one line.
pub type Line = (Value, Value);

/// Takes pushes on a free port, or refuses them.
#[derive(Clone)]
pub struct Receiver {
    status: Arc<Mutex<StatusCode>>,
    lines: Arc<Mutex<Vec<Line>>>,
    headers: Arc<Mutex<HeaderMap>>,
    limits: Option<Arc<Mutex<Limits>>>,
}

impl Receiver {
    /// Starts one that takes what is pushed; returns it and its URL.
    pub async fn start() -> (Self, String) {
        Self::start_with(StatusCode::NO_CONTENT).await
    }

    /// Starts one that answers pushes with this status. With 408 it never answers.
    pub async fn start_with(status: StatusCode) -> (Self, String) {
        let receiver = Self::new(status, None);
        let url = crate::stub::serve(receiver.router()).await;
        (receiver, url)
    }

    /// One that refuses what Loki refuses by default, to be served by the caller.
    #[must_use]
    pub fn with_default_limits() -> Self {
        Self::new(StatusCode::NO_CONTENT, Some(Limits { budget_bytes: BURST_BYTES, updated: Instant::now() }))
    }

    fn new(status: StatusCode, limits: Option<Limits>) -> Self {
        let limits = limits.map(|limits| Arc::new(Mutex::new(limits)));
        Self { status: Arc::new(Mutex::new(status)), lines: Arc::default(), headers: Arc::default(), limits }
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/loki/api/v1/push", post(push))
            .route("/ready", get(async || "ready"))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
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

async fn push(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = *receiver.status.lock().unwrap();
    if status == StatusCode::REQUEST_TIMEOUT {
        std::future::pending::<()>().await;
    }
    *receiver.headers.lock().unwrap() = headers.clone();
    if !status.is_success() {
        return status;
    }
    let mut pushed = match headers[header::CONTENT_TYPE].to_str().unwrap() {
        "application/json" => decode_json(&body),
        "application/x-protobuf" => decode_protobuf(&body),
        other => panic!("Loki takes no {other}"),
    };
    let verdict = receiver.limits.map_or(status, |limits| limits.lock().unwrap().apply(&mut pushed, status));
    if verdict != StatusCode::TOO_MANY_REQUESTS {
        let parsed = pushed.into_iter().map(|(labels, line)| (labels, serde_json::from_str(&line).unwrap()));
        receiver.lines.lock().unwrap().extend(parsed);
    }
    verdict
}

/// Lines a second that Loki takes of one tenant, in bytes; the most at once; the longest line.
const RATE_BYTES: f64 = 4e6;
const BURST_BYTES: f64 = 6e6;
const MAX_LINE_BYTES: usize = 256 << 10;

/// What Loki refuses by default.
struct Limits {
    budget_bytes: f64,
    updated: Instant,
}

impl Limits {
    /// Removes the lines that are too long, which makes the answer 400; refuses the rest with 429 when it is beyond the rate.
    fn apply(&mut self, lines: &mut Vec<(Value, String)>, status: StatusCode) -> StatusCode {
        let pushed = lines.len();
        lines.retain(|(_, line)| line.len() <= MAX_LINE_BYTES);
        let bytes: usize = lines.iter().map(|(_, line)| line.len()).sum();
        let since = std::mem::replace(&mut self.updated, Instant::now()).elapsed().as_secs_f64();
        self.budget_bytes = (self.budget_bytes + since * RATE_BYTES).min(BURST_BYTES);
        if bytes as f64 > self.budget_bytes {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        self.budget_bytes -= bytes as f64;
        if lines.len() < pushed { StatusCode::BAD_REQUEST } else { status }
    }
}

fn decode_json(body: &[u8]) -> Vec<(Value, String)> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let mut lines = Vec::new();
    for stream in body["streams"].as_array().unwrap() {
        for entry in stream["values"].as_array().unwrap() {
            // Nanoseconds, as a string.
            assert!(entry[0].as_str().unwrap().parse::<u128>().unwrap() > 1_700_000_000_000_000_000);
            lines.push((stream["stream"].clone(), entry[1].as_str().unwrap().to_owned()));
        }
    }
    lines
}

/// Protobuf in one block of snappy.
fn decode_protobuf(body: &[u8]) -> Vec<(Value, String)> {
    let body = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let mut lines = Vec::new();
    for stream in PushRequest::decode(&*body).unwrap().streams {
        let labels = labels(&stream.labels);
        for entry in stream.entries {
            assert!(entry.timestamp.unwrap().seconds > 1_700_000_000);
            lines.push((labels.clone(), entry.line));
        }
    }
    lines
}

/// The labels of a selector such as `{service="shop",level="info"}`, whose values hold no commas here.
fn labels(selector: &str) -> Value {
    let pairs = selector.strip_prefix('{').unwrap().strip_suffix('}').unwrap().split(',');
    let label = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), serde_json::from_str(value).unwrap())
    };
    Value::Object(pairs.map(label).collect::<Map<_, _>>())
}
