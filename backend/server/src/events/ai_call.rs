//! Events of calls to the AI provider, and of the texts that came of them. Tokens and cost are the ledger's.

use std::time::{Duration, Instant};

use super::ai_ledger::model_label;
use crate::catalogue::{AI_REQUEST_DURATION_SECONDS, AI_REQUESTS_TOTAL, EXPLANATIONS_TOTAL};
use crate::labels::{AiOperation, AiOutcome};

/// One try of a call. Dropped before its end is known it counts as `cancelled`.
pub struct AiCall<'c> {
    operation: AiOperation,
    model: &'c str,
    started: Instant,
    ended: bool,
}

impl<'c> AiCall<'c> {
    /// Begins when the provider is asked. `model`: as it is asked for.
    pub fn begin(operation: AiOperation, model: &'c str) -> Self {
        Self { operation, model, started: Instant::now(), ended: false }
    }

    /// How long it has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// It ended. `http_status` and the provider's `code` of an error, where there are any.
    pub fn ended(mut self, outcome: AiOutcome, http_status: Option<u16>, code: Option<&str>) {
        self.end(outcome, http_status, code);
    }

    fn end(&mut self, outcome: AiOutcome, http_status: Option<u16>, code: Option<&str>) {
        self.ended = true;
        let (model, elapsed_seconds) = (self.model, self.started.elapsed().as_secs_f64());
        let label = model_label(model);
        AI_REQUESTS_TOTAL.with((self.operation, &label, outcome)).increment(1);
        AI_REQUEST_DURATION_SECONDS.with((self.operation, &label)).record(elapsed_seconds);
        let (operation, status): (&str, &str) = (self.operation.into(), outcome.into());
        match outcome {
            AiOutcome::Ok => tracing::info!(operation, model, elapsed_seconds, "AI call succeeded"),
            AiOutcome::NoUsage => {
                tracing::warn!(operation, model, elapsed_seconds, "AI call succeeded without a report of its usage");
            }
            AiOutcome::Cancelled => tracing::warn!(operation, model, elapsed_seconds, "AI call cancelled"),
            _ => {
                tracing::warn!(operation, model, status, http_status, code, elapsed_seconds, "AI call failed");
            }
        }
    }
}

impl Drop for AiCall<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(AiOutcome::Cancelled, None, None);
        }
    }
}

/// A text was written and stored.
pub struct TextWritten<'a> {
    /// Which kind.
    pub operation: AiOperation,
    /// Of the run or dataset.
    pub id: &'a str,
    /// Of the text.
    pub size_bytes: usize,
}

impl TextWritten<'_> {
    /// Counts and logs it.
    pub fn emit(self) {
        let Self { operation, id, size_bytes } = self;
        match operation {
            AiOperation::ExplainRun => {
                EXPLANATIONS_TOTAL.increment(1);
                tracing::info!(run_id = id, size_bytes, "explanation of a run stored");
            }
            AiOperation::DescribeDataset => {
                tracing::info!(dataset_id = id, size_bytes, "description of a dataset stored");
            }
        }
    }
}
