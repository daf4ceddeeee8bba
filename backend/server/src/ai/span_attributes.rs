//! The names of the attributes of spans about calls of a model, and which of our values each has. This file alone knows them.
//!
//! They are those of OpenTelemetry's semantic conventions for generative AI, version 0.1.0, in development: every release may
//! rename some. Source: the repository open-telemetry/semantic-conventions-genai, tag v0.1.0, `docs/gen-ai/client-inference.md`. Up
//! to version 1.41.0 they were part of open-telemetry/semantic-conventions, where `gen_ai.provider.name` was `gen_ai.system`
//! before 1.37.0. One span stands for one operation with all its tries; each try is a span of HTTP below it.
//!
//! Not recorded, though recommended: `gen_ai.response.finish_reasons`, a list, which spans of `tracing` cannot hold. Nor, as it is
//! opt-in and says what a dataset does, any content.

use belfry_ledger::Report;
use tracing::Span;
use tracing::field::Empty;

use super::provider::Provider;
use crate::labels::{AiOperation, AiOutcome};

const OPERATION_NAME: &str = "gen_ai.operation.name";
const PROVIDER_NAME: &str = "gen_ai.provider.name";
const PROMPT_NAME: &str = "gen_ai.prompt.name";
const REQUEST_MODEL: &str = "gen_ai.request.model";
const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
const RESPONSE_ID: &str = "gen_ai.response.id";
const RESPONSE_MODEL: &str = "gen_ai.response.model";
const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";

// Of the stable conventions, version 1.45.0.
const SERVER_ADDRESS: &str = "server.address";
const SERVER_PORT: &str = "server.port";
const ERROR_TYPE: &str = "error.type";
const HTTP_METHOD: &str = "http.request.method";
const HTTP_RESEND_COUNT: &str = "http.request.resend_count";
const HTTP_STATUS: &str = "http.response.status_code";

/// Every endpoint that is called here completes a chat.
const CHAT: &str = "chat";

/// The span of an operation.
pub fn operation_span(operation: AiOperation, provider: &Provider, model: &str, max_tokens: u64) -> Span {
    // At the highest level, as the span of a request is. Numbers are signed: the layer for OpenTelemetry makes text of others.
    tracing::error_span!(
        "ai_operation",
        otel.name = %format_args!("{CHAT} {model}"),
        otel.kind = "client",
        otel.status_code = Empty,
        { OPERATION_NAME } = CHAT,
        { PROVIDER_NAME } = provider.form(),
        { PROMPT_NAME } = <&str>::from(operation),
        { REQUEST_MODEL } = model,
        { REQUEST_MAX_TOKENS } = signed(max_tokens),
        { SERVER_ADDRESS } = provider.host,
        { SERVER_PORT } = i64::from(provider.port),
        { RESPONSE_ID } = Empty,
        { RESPONSE_MODEL } = Empty,
        { INPUT_TOKENS } = Empty,
        { OUTPUT_TOKENS } = Empty,
        { CACHE_READ_TOKENS } = Empty,
        { CACHE_WRITE_TOKENS } = Empty,
        { REASONING_TOKENS } = Empty,
        { ERROR_TYPE } = Empty,
    )
}

/// The span of one try, below that of its operation. `resends`: how many tries were before it.
pub fn try_span(provider: &Provider, resends: u32) -> Span {
    tracing::error_span!(
        "ai_try",
        otel.name = "POST",
        otel.kind = "client",
        otel.status_code = Empty,
        { HTTP_METHOD } = "POST",
        { SERVER_ADDRESS } = provider.host,
        { SERVER_PORT } = i64::from(provider.port),
        { HTTP_RESEND_COUNT } = (resends > 0).then_some(i64::from(resends)),
        { HTTP_STATUS } = Empty,
        { ERROR_TYPE } = Empty,
    )
}

/// What the provider reports of an answer, on the span of its operation.
pub fn record_report(span: &Span, report: &Report) {
    if let Some(id) = &report.generation_id {
        span.record(RESPONSE_ID, id);
    }
    if let Some(model) = &report.model {
        span.record(RESPONSE_MODEL, model);
    }
    let Some(usage) = &report.usage else { return };
    span.record(INPUT_TOKENS, signed(usage.prompt()));
    span.record(OUTPUT_TOKENS, signed(usage.output()));
    for (name, tokens) in [
        (CACHE_READ_TOKENS, usage.cache_read),
        (CACHE_WRITE_TOKENS, usage.cache_writes()),
        (REASONING_TOKENS, usage.reasoning),
    ] {
        if tokens > 0 {
            span.record(name, signed(tokens));
        }
    }
}

/// The HTTP status of a try, where it has one.
pub fn record_status(span: &Span, status: Option<u16>) {
    if let Some(status) = status {
        span.record(HTTP_STATUS, i64::from(status));
    }
}

/// How an operation or a try failed.
pub fn record_error(span: &Span, outcome: AiOutcome) {
    span.record(ERROR_TYPE, <&str>::from(outcome));
    span.record("otel.status_code", "ERROR");
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
