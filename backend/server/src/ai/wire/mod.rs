//! The wire format of OpenAI's chat completions, as OpenRouter, vLLM and Ollama speak it too: the request, and what an answer is.
//!
//! Source: OpenAI's API reference, "Create chat completion" and "Error codes"; OpenRouter's documentation of errors, which may
//! stand in an answer of status 200. `answer.rs` has the shape of an answer, `shown.rs` what of it may be shown.

mod answer;
mod shown;
#[cfg(test)]
mod tests;

use belfry_ledger::{Report, read_response};
use belfry_telemetry::client_call;
use belfry_telemetry::settings::Secret;
use serde_json::{Value, json};

use answer::{Answer, text_of};
use shown::{has_key, removed, shown_code, without_key};

use super::failure::{Failure, FailureKind};
use super::prompt::Prompt;
use super::provider::Provider;
use super::text::shown_words;
use crate::client_call::ServiceResponse;
use crate::labels::AiOutcome;

/// What an answer came to.
#[derive(Debug)]
pub struct Reading {
    /// As it is counted and kept in the ledger.
    pub outcome: AiOutcome,
    /// The HTTP status, if there is one.
    pub http_status: Option<u16>,
    /// What the provider says of the call, which it may also say of one that came to no text.
    pub report: Option<Report>,
    /// The text.
    pub result: Result<Completion, Failure>,
}

/// A text that a model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// As it may be stored and shown.
    pub text: String,
    /// The model, as the provider names it.
    pub model: Option<String>,
    /// Whether the model had more to say.
    pub is_cut: bool,
}

/// The body of a request.
pub fn request_body(provider: &Provider, model: &str, max_tokens: u64, prompt: &Prompt) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [
            { "role": "system", "content": prompt.system },
            { "role": "user", "content": prompt.user },
        ],
        "stream": false,
    });
    body[provider.max_tokens_field()] = Value::from(max_tokens);
    if provider.is_openrouter() {
        body["usage"] = json!({ "include": true });
    }
    body
}

/// What came of a request. `key` is what no message may show.
pub fn read(response: Result<ServiceResponse, client_call::Failure>, key: &Secret) -> Reading {
    let response = match response {
        Ok(response) => response,
        Err(failure) => {
            let kind = match failure {
                client_call::Failure::Timeout => FailureKind::Timeout,
                client_call::Failure::Unreachable => FailureKind::Unreachable,
                // The request was on its way, so that it may be billed.
                client_call::Failure::Broken => FailureKind::Truncated,
                client_call::Failure::Cancelled => FailureKind::Cancelled,
            };
            return failed(Failure::without_answer(kind), None);
        }
    };
    let status = response.status.as_u16();
    let failure = |kind| Failure { http_status: Some(status), ..Failure::without_answer(kind) };
    if !response.status.is_success() {
        let answer: Option<Answer> = serde_json::from_slice(&response.body).ok();
        let provider_code = answer.and_then(|answer| shown_code(&answer.error?, key));
        let failure = Failure { provider_code, retry_after: response.retry_after, ..failure(kind_of(status)) };
        return failed(failure, None);
    }
    if response.is_cut {
        return failed(failure(FailureKind::TooLarge), None);
    }
    let report = read_response(&response.body).ok().map(|report| without_key(report, key));
    let answer: Answer = match serde_json::from_slice(&response.body) {
        Ok(answer) => answer,
        Err(error) if error.is_eof() => return failed(failure(FailureKind::Truncated), report),
        Err(_) => return failed(failure(FailureKind::Malformed), report),
    };
    let choice = answer.choices.into_iter().flatten().next();
    let error = choice.as_ref().and_then(|choice| choice.error.as_ref()).or(answer.error.as_ref());
    if let Some(error) = error {
        let told = error.code.as_ref().and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let told = told.filter(|told| (400..600).contains(told)).unwrap_or(502);
        let failure = Failure {
            http_status: Some(told),
            provider_code: shown_code(error, key),
            retry_after: response.retry_after,
            ..failure(kind_of(told))
        };
        return failed(failure, report);
    }
    let text = choice.as_ref().and_then(|choice| text_of(choice.message.as_ref()?.content.as_ref()?));
    // Before it is cut, and once more, since what is left out may have stood within the key.
    let (text, was_long) = shown_words(&removed(&text.unwrap_or_default(), key));
    let text = removed(&text, key);
    if text.is_empty() {
        return failed(failure(FailureKind::Empty), report);
    }
    let ended_early = choice.and_then(|choice| choice.finish_reason).is_some_and(|reason| reason != "stop");
    let has_usage = report.as_ref().is_some_and(|report| report.usage.is_some());
    Reading {
        outcome: if has_usage { AiOutcome::Ok } else { AiOutcome::NoUsage },
        http_status: Some(status),
        report,
        result: Ok(Completion {
            text,
            model: answer.model.filter(|model| !has_key(model, key)),
            is_cut: was_long || ended_early,
        }),
    }
}

/// A reading without a text.
pub(super) fn failed(failure: Failure, report: Option<Report>) -> Reading {
    Reading { outcome: failure.kind.outcome(), http_status: failure.http_status, report, result: Err(failure) }
}

fn kind_of(status: u16) -> FailureKind {
    match status {
        401..=403 => FailureKind::Refused,
        408 | 504 | 524 => FailureKind::Timeout,
        429 => FailureKind::RateLimited,
        500.. => FailureKind::ServerError,
        _ => FailureKind::BadRequest,
    }
}
