//! A Loki that decodes what is pushed to it, as JSON or as protobuf, and keeps the lines.
//!
//! Source: Loki's HTTP API, `POST /loki/api/v1/push`, the default `limits_config` of its configuration, and the answer of its
//! ingester to lines that are too old for their stream.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use loki_api::logproto::PushRequest;
use loki_api::prost::Message;
use serde_json::{Map, Value, json};

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
    refusing: Arc<Mutex<Option<Refusing>>>,
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
        Self {
            status: Arc::new(Mutex::new(status)),
            lines: Arc::default(),
            headers: Arc::default(),
            limits,
            refusing: Arc::default(),
        }
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/loki/api/v1/push", post(push))
            .route("/ready", get(async || "ready"))
            .route("/loki/api/v1/{*query}", get(answer_with_nothing))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    /// Answers with this status from now on.
    pub fn answer_with(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    /// Refuses lines with these words from now on and takes the others of their push, each once, as Loki does with lines that
    /// are too old.
    pub fn refuse_lines_with(&self, words: &str) {
        *self.refusing.lock().unwrap() = Some(Refusing { words: words.to_owned(), stored: HashSet::new() });
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

/// The answer to queries: that nothing was found. What was taken is for the tests to read.
async fn answer_with_nothing(Path(query): Path<String>) -> Json<Value> {
    let data = match query.as_str() {
        "query" | "query_range" => json!({ "resultType": "streams", "result": [] }),
        _ => json!([]),
    };
    Json(json!({ "status": "success", "data": data }))
}

async fn push(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let status = *receiver.status.lock().unwrap();
    if status == StatusCode::REQUEST_TIMEOUT {
        std::future::pending::<()>().await;
    }
    *receiver.headers.lock().unwrap() = headers.clone();
    if !status.is_success() {
        return (status, String::new());
    }
    let mut pushed = match headers[header::CONTENT_TYPE].to_str().unwrap() {
        "application/json" => decode_json(&body),
        "application/x-protobuf" => decode_protobuf(&body),
        other => panic!("Loki takes no {other}"),
    };
    let mut verdict = receiver.limits.map_or(status, |limits| limits.lock().unwrap().apply(&mut pushed, status));
    let mut answer = String::new();
    if let Some(refusing) = &mut *receiver.refusing.lock().unwrap()
        && let Some(refused) = refusing.apply(&mut pushed)
    {
        (verdict, answer) = (StatusCode::BAD_REQUEST, refused);
    }
    if verdict != StatusCode::TOO_MANY_REQUESTS {
        let parsed = pushed.into_iter().map(|line| (line.labels, serde_json::from_str(&line.text).unwrap()));
        receiver.lines.lock().unwrap().extend(parsed);
    }
    (verdict, answer)
}

/// One line of a push.
struct Pushed {
    labels: Value,
    /// Nanoseconds since 1970 UTC.
    time: u128,
    text: String,
}

/// Which lines are refused, and which were taken meanwhile.
struct Refusing {
    words: String,
    /// Each with its stream and its time.
    stored: HashSet<(String, u128, String)>,
}

impl Refusing {
    /// Leaves the lines to be taken. The answer, of a push with refused lines, is about the last stream that has some.
    fn apply(&mut self, lines: &mut Vec<Pushed>) -> Option<String> {
        // Refused lines and all lines, by stream.
        let mut streams: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        lines.retain(|line| {
            let stream = line.labels.to_string();
            let (refused, all) = streams.entry(stream.clone()).or_default();
            *all += 1;
            if line.text.contains(&self.words) {
                *refused += 1;
                return false;
            }
            self.stored.insert((stream, line.time, line.text.clone()))
        });
        let (stream, (refused, all)) = streams.into_iter().rfind(|(_, (refused, _))| *refused > 0)?;
        let reason = "entry with timestamp 2026-01-31 00:00:00 +0000 UTC ignored, reason: 'entry too far behind'";
        Some(format!("{reason},\nuser 'fake', total ignored: {refused} out of {all} for stream: {stream}\n"))
    }
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
    fn apply(&mut self, lines: &mut Vec<Pushed>, status: StatusCode) -> StatusCode {
        let pushed = lines.len();
        lines.retain(|line| line.text.len() <= MAX_LINE_BYTES);
        let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
        let since = std::mem::replace(&mut self.updated, Instant::now()).elapsed().as_secs_f64();
        self.budget_bytes = (self.budget_bytes + since * RATE_BYTES).min(BURST_BYTES);
        if bytes as f64 > self.budget_bytes {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        self.budget_bytes -= bytes as f64;
        if lines.len() < pushed { StatusCode::BAD_REQUEST } else { status }
    }
}

fn decode_json(body: &[u8]) -> Vec<Pushed> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let mut lines = Vec::new();
    for stream in body["streams"].as_array().unwrap() {
        for entry in stream["values"].as_array().unwrap() {
            // Nanoseconds, as a string.
            let time: u128 = entry[0].as_str().unwrap().parse().unwrap();
            assert!(time > 1_700_000_000_000_000_000);
            let (labels, text) = (stream["stream"].clone(), entry[1].as_str().unwrap().to_owned());
            lines.push(Pushed { labels, time, text });
        }
    }
    lines
}

/// Protobuf in one block of snappy.
fn decode_protobuf(body: &[u8]) -> Vec<Pushed> {
    let body = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let mut lines = Vec::new();
    for stream in PushRequest::decode(&*body).unwrap().streams {
        let labels = labels(&stream.labels);
        for entry in stream.entries {
            let time = entry.timestamp.unwrap();
            assert!(time.seconds > 1_700_000_000);
            let time = time.seconds as u128 * 1_000_000_000 + time.nanos as u128;
            lines.push(Pushed { labels: labels.clone(), time, text: entry.line });
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
