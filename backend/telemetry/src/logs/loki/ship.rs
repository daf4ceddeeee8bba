//! Sends lines to Loki in batches, each retried until Loki has accepted or permanently refused it.
//!
//! Source: Loki's HTTP API, `POST /loki/api/v1/push` with JSON. Sizes keep below its default limits (4 MiB a request,
//! 6 MB a burst).

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::refusal::refused_lines;
use super::{Line, LokiSettings};
use crate::catalogue::{LogLevel, LokiStage, TELEMETRY_LOKI_EVENTS_TOTAL};

/// A batch is sent when it holds this much, or when its first line has waited for [`BATCH_WAITS`].
const BATCH_BYTES: usize = 900_000;
const BATCH_LINES: usize = 5_000;
const BATCH_WAITS: Duration = Duration::from_millis(500);

/// After this time without a response Loki counts as unavailable.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause between two attempts at a batch; soon enough to catch up when Loki is back.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What is needed to send lines.
pub(super) struct Shipper {
    client: reqwest::Client,
    url: url::Url,
    token: crate::settings::Secret,
    tenant: String,
    labels: Vec<(String, String)>,
}

/// What Loki has decided about a push.
enum Answer {
    /// It has every line.
    Accepted,
    /// It will never accept so many of the lines, and has the others. `None` where it does not say how many.
    Refused(Option<u64>),
}

/// Loki is unavailable, busy or failing: a retry may succeed.
struct Undecided;

impl Shipper {
    pub(super) fn new(settings: &LokiSettings, labels: Vec<(String, String)>) -> Result<Self, String> {
        let client = crate::tls::http_client().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        let url = settings.url.join("loki/api/v1/push").map_err(|error| error.to_string())?;
        Ok(Self { client, url, token: settings.bearer_token.clone(), tenant: settings.tenant.clone(), labels })
    }

    /// Sends until `ending`, then what is still queued. Never gives a batch up: a caller that cannot wait drops this.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Line>, ending: CancellationToken) {
        let mut batch = Vec::new();
        while collect(&mut waiting, &ending, &mut batch).await {
            self.deliver(std::mem::take(&mut batch)).await;
        }
    }

    /// Sends a batch and counts each of its lines as sent or refused.
    async fn deliver(&self, batch: Vec<Line>) {
        let answer = self.send(&batch).await;
        let is_one_stream = batch.iter().all(|line| line.level == batch[0].level);
        if is_one_stream || matches!(answer, Answer::Accepted) {
            return count_decided(&answer, batch.len());
        }
        let mut streams: BTreeMap<LogLevel, Vec<Line>> = BTreeMap::new();
        for line in batch {
            streams.entry(line.level).or_default().push(line);
        }
        // Loki says of one stream only how much it refused, so each is sent again alone. What it has stored it does not store
        // a second time: a line with the same stream, time and text is the same line.
        for stream in streams.into_values() {
            TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Retried).increment(stream.len() as u64);
            count_decided(&self.send(&stream).await, stream.len());
        }
    }

    /// Sends these lines until Loki has decided about them.
    async fn send(&self, lines: &[Line]) -> Answer {
        let (body, pushed) = (self.body(lines).to_string(), lines.len() as u64);
        let pauses = ExponentialBuilder::default().with_max_delay(MAX_PAUSE).with_jitter().without_max_times();
        let decided = (|| self.push(&body, pushed))
            .retry(pauses)
            .notify(|_, _| TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Retried).increment(pushed));
        // There is no last try.
        decided.await.unwrap_or(Answer::Refused(None))
    }

    async fn push(&self, body: &str, lines: u64) -> Result<Answer, Undecided> {
        let mut request = self.client.post(self.url.clone()).header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.expose());
        }
        if !self.tenant.is_empty() {
            request = request.header("x-scope-orgid", &self.tenant);
        }
        let response = request.body(body.to_owned()).send().await.map_err(|_| Undecided)?;
        match response.status() {
            status if status.is_success() => Ok(Answer::Accepted),
            // Of a batch with a line too old or too long Loki takes the rest; it would refuse that line again.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(Answer::Refused(refused_lines(response, lines).await))
            }
            // 429 and 5xx, and faults that an operator can fix meanwhile: a token, a tenant, a path.
            _ => Err(Undecided),
        }
    }

    /// One stream a level, each with its lines in the order of their events.
    fn body(&self, batch: &[Line]) -> Value {
        let mut streams: BTreeMap<LogLevel, Vec<Value>> = BTreeMap::new();
        for line in batch {
            streams.entry(line.level).or_default().push(json!([line.time.to_string(), line.text]));
        }
        let stream = |(level, lines): (LogLevel, Vec<Value>)| {
            let labels: BTreeMap<&str, &str> = self.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
            let mut labels = json!(labels);
            labels["level"] = Value::from(<&str>::from(level));
            json!({ "stream": labels, "values": Value::Array(lines) })
        };
        json!({ "streams": streams.into_iter().map(stream).collect::<Vec<_>>() })
    }
}

/// Counts the lines of a push by what Loki has decided: all as refused where it does not say how many.
fn count_decided(answer: &Answer, lines: usize) {
    let lines = lines as u64;
    let refused = match answer {
        Answer::Accepted => 0,
        Answer::Refused(refused) => refused.unwrap_or(lines),
    };
    TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Refused).increment(refused);
    TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Sent).increment(lines - refused);
}

/// Fills the batch from the queue. `false` when the queue is empty and closed.
async fn collect(waiting: &mut mpsc::Receiver<Line>, ending: &CancellationToken, batch: &mut Vec<Line>) -> bool {
    let first = tokio::select! {
        biased;
        line = waiting.recv() => line,
        () = ending.cancelled() => {
            // Later events are dropped and counted as such.
            waiting.close();
            waiting.recv().await
        }
    };
    let Some(first) = first else { return false };
    let mut bytes = first.text.len();
    batch.push(first);
    let full = tokio::time::sleep(BATCH_WAITS);
    tokio::pin!(full);
    while bytes < BATCH_BYTES && batch.len() < BATCH_LINES {
        tokio::select! {
            biased;
            line = waiting.recv() => match line {
                Some(line) => {
                    bytes += line.text.len();
                    batch.push(line);
                }
                None => break,
            },
            () = &mut full => break,
            () = ending.cancelled() => break,
        }
    }
    true
}
