//! The client: one text for one prompt, with tries, pauses and limits. Each try is reserved in the ledger before it is made and
//! settled after it, however it ends.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use belfry_telemetry::settings::Secret;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use url::Url;

use super::failure::{Failure, FailureKind};
use super::ledger::{FinishedCall, Ledger, PlannedCall};
use super::prompt::Prompt;
use super::provider::Provider;
use super::slots::CallSlots;
use super::span_attributes::{operation_span, record_error, record_report, record_status, try_span};
use super::wire::{self, Completion, Reading};
use crate::client_call::{ServiceClient, below};
use crate::config::AiConfig;
use crate::error::Result;
use crate::events::ai_call::AiCall;
use crate::labels::{AiOperation, AiOutcome};
use crate::shutdown::Shutdown;

/// The labels of the calls in `external_api_*`, beside which the health check has its own endpoint.
const LABELS: (&str, &str) = ("ai", "/chat/completions");

/// The pauses between two tries, which double; with jitter, up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// The longest pause that a provider may ask for and get; asked for a longer one, the call is given up.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// A provider with the settings for its calls.
pub(super) struct AiClient {
    http: ServiceClient,
    url: String,
    provider: Provider,
    key: Secret,
    /// The model that is asked for.
    pub model: String,
    limits: Limits,
    slots: CallSlots,
    ledger: Arc<Ledger>,
    /// No try is begun after it.
    stopping: CancellationToken,
    /// A try that has not ended by then is cancelled.
    cancel: CancellationToken,
}

struct Limits {
    timeout: Duration,
    retries: u32,
    max_tokens: u64,
    wait: Duration,
}

/// One call to be made: what for, and on whose behalf.
pub(super) struct Call<'c> {
    pub operation: AiOperation,
    pub user_id: Option<String>,
    pub prompt: &'c Prompt,
}

impl AiClient {
    /// The client of these settings; `base` and `model` are set when AI__ENABLED is true.
    pub fn new(
        config: &AiConfig,
        (base, model): (&Url, &str),
        http: ServiceClient,
        ledger: Arc<Ledger>,
        shutdown: &Shutdown,
    ) -> Self {
        Self {
            http,
            url: below(base, "chat/completions"),
            provider: Provider::at(base, config.provider.as_deref()),
            key: config.api_key.clone(),
            model: model.to_owned(),
            limits: Limits {
                timeout: config.timeout,
                retries: config.retries,
                max_tokens: config.max_tokens,
                wait: config.wait,
            },
            slots: CallSlots::new(config.concurrency, config.wait),
            ledger,
            stopping: shutdown.stopping.clone(),
            cancel: shutdown.hand_back.clone(),
        }
    }

    /// The longest that [`Self::complete`] takes, but for waits for the database.
    pub fn longest(&self) -> Duration {
        let Limits { timeout, retries, wait, .. } = self.limits;
        wait + timeout * (retries + 1) + (MAX_RETRY_AFTER + MAX_PAUSE * 2) * retries
    }

    /// The model's text for a prompt.
    ///
    /// # Errors
    /// 503 `ai_busy`; what the ledger says of the budget; and what [`Failure`] is answered as.
    pub async fn complete(&self, call: Call<'_>) -> Result<Completion> {
        let _slot = self.slots.acquire().await?;
        if self.stopping.is_cancelled() {
            return Err(Failure::without_answer(FailureKind::Cancelled).into());
        }
        let span = operation_span(call.operation, &self.provider, &self.model, self.limits.max_tokens);
        self.try_until_answered(&call, &span).instrument(span.clone()).await
    }

    async fn try_until_answered(&self, call: &Call<'_>, span: &Span) -> Result<Completion> {
        let body = wire::request_body(&self.provider, &self.model, self.limits.max_tokens, call.prompt);
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(MAX_PAUSE).with_jitter();
        let mut pauses = pauses.with_max_times(self.limits.retries as usize).build();
        let mut resends = 0;
        loop {
            let reading = self.try_once(call, &body, resends).await?;
            if let Some(report) = &reading.report {
                record_report(span, report);
            }
            let failure = match reading.result {
                Ok(completion) => return Ok(completion),
                Err(failure) => failure,
            };
            let pause = pauses.next().and_then(|pause| pause_before_retry(&failure, pause));
            let may_go_on = match pause {
                Some(pause) => self.stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_some(),
                None => false,
            };
            if !may_go_on {
                record_error(span, reading.outcome);
                return Err(failure.into());
            }
            resends += 1;
        }
    }

    /// Makes one try. It is settled also if it is cancelled, and dropped, the reservation settles itself.
    async fn try_once(&self, call: &Call<'_>, body: &Value, resends: u32) -> Result<Reading> {
        let reservation = self
            .ledger
            .reserve(PlannedCall {
                operation: call.operation,
                model: self.model.clone(),
                provider: self.provider.known_as().map(ToOwned::to_owned),
                user_id: call.user_id.clone(),
                prompt_tokens_at_most: call.prompt.tokens_at_most(),
                max_output_tokens: self.limits.max_tokens,
            })
            .await?;
        if self.cancel.is_cancelled() {
            reservation.release().await;
            return Err(Failure::without_answer(FailureKind::Cancelled).into());
        }
        let span = try_span(&self.provider, resends);
        let event = AiCall::begin(call.operation, &self.model);
        let post = self.http.post_with_token(LABELS, &self.url, &self.key, body, self.limits.timeout);
        let reading = match self.cancel.run_until_cancelled(post.instrument(span.clone())).await {
            Some(response) => wire::read(response, &self.key),
            None => wire::failed(Failure::without_answer(FailureKind::Cancelled), None),
        };
        record_status(&span, reading.http_status);
        if !matches!(reading.outcome, AiOutcome::Ok | AiOutcome::NoUsage) {
            record_error(&span, reading.outcome);
        }
        drop(span);
        let latency = event.elapsed();
        let code = reading.result.as_ref().err().and_then(|failure| failure.provider_code.as_deref());
        event.ended(reading.outcome, reading.http_status, code);
        let finished = FinishedCall { outcome: reading.outcome, report: reading.report.clone(), latency };
        reservation.settle(finished).await;
        Ok(reading)
    }
}

/// How long to wait before the next try, if there is to be one: `pause`, after what the provider asks for, so that not all who
/// were asked for the same come back at once.
fn pause_before_retry(failure: &Failure, pause: Duration) -> Option<Duration> {
    let asked = failure.retry_after.unwrap_or_default();
    (failure.may_be_retried() && asked <= MAX_RETRY_AFTER).then(|| pause + asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_waits_as_long_as_asked_and_no_longer_than_allowed() {
        let failure = |kind, seconds| Failure {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Failure::without_answer(kind)
        };
        let pause = Duration::from_secs(1);
        let pause_of = |kind, seconds| pause_before_retry(&failure(kind, seconds), pause);
        assert_eq!(pause_of(FailureKind::RateLimited, 0), Some(pause));
        assert_eq!(pause_of(FailureKind::RateLimited, 30), Some(MAX_RETRY_AFTER + pause));
        assert_eq!(pause_of(FailureKind::RateLimited, 31), None);
        assert_eq!(pause_of(FailureKind::ServerError, 5), Some(Duration::from_secs(6)));
        assert_eq!(pause_of(FailureKind::Truncated, 0), None);
        assert_eq!(pause_of(FailureKind::Timeout, 0), None);
    }
}
