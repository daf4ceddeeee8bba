//! Sends lines to Loki in batches, each tried again until Loki has taken it or has said that it never will.
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

use super::{Line, LokiSettings};
use crate::catalogue::{LogLevel, LokiStage, TELEMETRY_LOKI_EVENTS_TOTAL};

/// A batch is sent when it holds this much, or when its first line has waited for [`BATCH_WAITS`].
const BATCH_BYTES: usize = 900_000;
const BATCH_LINES: usize = 5_000;
const BATCH_WAITS: Duration = Duration::from_millis(500);

/// A Loki that accepts a connection and never answers counts as away after this time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries of a batch; soon enough to catch up when Loki is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is needed to send lines.
pub(super) struct Shipper {
    client: reqwest::Client,
    url: url::Url,
    token: crate::settings::Secret,
    tenant: String,
    labels: Vec<(String, String)>,
}

/// Why a batch was not taken.
enum Refused {
    /// Loki is away, busy or broken: the same batch may be taken later.
    ForNow,
    /// Loki will never take it, or not all of it.
    ForGood,
}

impl Shipper {
    pub(super) fn new(settings: &LokiSettings, labels: Vec<(String, String)>) -> Result<Self, String> {
        let client = crate::tls::http_client().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        let url = settings.url.join("loki/api/v1/push").map_err(|error| error.to_string())?;
        Ok(Self { client, url, token: settings.bearer_token.clone(), tenant: settings.tenant.clone(), labels })
    }

    /// Sends until `ending`, then what still waits. Never gives a batch up: whoever cannot wait drops this.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Line>, ending: CancellationToken) {
        let mut batch = Vec::new();
        while collect(&mut waiting, &ending, &mut batch).await {
            let lines = batch.len() as u64;
            let body = self.body(&batch).to_string();
            batch.clear();
            let stage = match self.deliver(&body, lines).await {
                Ok(()) => LokiStage::Sent,
                Err(_) => LokiStage::Refused,
            };
            TELEMETRY_LOKI_EVENTS_TOTAL.with([stage.into()]).increment(lines);
        }
    }

    async fn deliver(&self, body: &str, lines: u64) -> Result<(), Refused> {
        let pauses = ExponentialBuilder::default().with_max_delay(LONGEST_PAUSE).with_jitter().without_max_times();
        (|| self.push(body))
            .retry(pauses)
            .when(|refused| matches!(refused, Refused::ForNow))
            .notify(|_, _| TELEMETRY_LOKI_EVENTS_TOTAL.with([LokiStage::Retried.into()]).increment(lines))
            .await
    }

    async fn push(&self, body: &str) -> Result<(), Refused> {
        let mut request = self.client.post(self.url.clone()).header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.expose());
        }
        if !self.tenant.is_empty() {
            request = request.header("x-scope-orgid", &self.tenant);
        }
        let answer = request.body(body.to_owned()).send().await.map_err(|_| Refused::ForNow)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // Of a batch with one line too old or too long Loki takes the rest; sent again, that rest would be there twice.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Refused::ForGood)
            }
            // 429 and 5xx, and what somebody may mend meanwhile: a token, a tenant, a path.
            _ => Err(Refused::ForNow),
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

/// Fills the batch from the queue. `false` when nothing is left and nothing will come.
async fn collect(waiting: &mut mpsc::Receiver<Line>, ending: &CancellationToken, batch: &mut Vec<Line>) -> bool {
    let first = tokio::select! {
        biased;
        line = waiting.recv() => line,
        () = ending.cancelled() => {
            // What is emitted from here on is dropped and counted as such.
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
