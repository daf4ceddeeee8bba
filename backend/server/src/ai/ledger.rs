//! Stand-in for the ledger with its names, until it is merged.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::labels::{AiOperation, AiOutcome};

pub struct Ledger;

#[derive(Clone, Debug)]
pub struct PlannedCall {
    pub operation: AiOperation,
    pub model: String,
    pub provider: Option<String>,
    pub user_id: Option<String>,
    pub prompt_tokens_at_most: u64,
    pub max_output_tokens: u64,
}

#[derive(Clone, Debug)]
pub struct FinishedCall {
    pub outcome: AiOutcome,
    pub report: Option<Report>,
    pub latency: Duration,
}

pub struct Reservation;

impl Ledger {
    pub async fn reserve(self: &Arc<Self>, _call: PlannedCall) -> Result<Reservation> {
        Ok(Reservation)
    }
}

impl Reservation {
    pub async fn settle(self, _finished: FinishedCall) {}
}

#[derive(Clone, Debug)]
pub struct Report {
    pub usage: Option<Usage>,
    pub model: Option<String>,
    pub generation_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    input: u64,
    output: u64,
    pub cache_read: u64,
    pub reasoning: u64,
}

impl Usage {
    pub fn prompt(&self) -> u64 {
        self.input
    }
    pub fn output(&self) -> u64 {
        self.output
    }
    pub fn cache_writes(&self) -> u64 {
        0
    }
}

pub fn read_response(body: &[u8]) -> serde_json::Result<Report> {
    let value: serde_json::Value = serde_json::from_slice(body)?;
    let usage = value["usage"].as_object().map(|usage| Usage {
        input: usage["prompt_tokens"].as_u64().unwrap_or(0),
        output: usage["completion_tokens"].as_u64().unwrap_or(0),
        ..Usage::default()
    });
    let text = |field: &str| value[field].as_str().map(ToOwned::to_owned);
    Ok(Report { usage, model: text("model"), generation_id: text("id") })
}
