//! The wire format of OpenAI's chat completions, as OpenRouter, vLLM and Ollama speak it too: the request, and what an answer is.
//!
//! Source: OpenAI's API reference, "Create chat completion" and "Error codes"; OpenRouter's documentation of errors, which may
//! stand in an answer of status 200.

use belfry_ledger::{Report, read_response};
use belfry_telemetry::client_call;
use belfry_telemetry::settings::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{Failure, FailureKind};
use super::prompt::Prompt;
use super::provider::Provider;
use super::text::shown_words;
use crate::client_call::ServiceResponse;
use crate::labels::AiOutcome;

/// The longest code of an error that is shown.
const MAX_CODE_BYTES: usize = 64;

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

/// The part of an answer that is read here; the ledger reads the rest.
#[derive(Deserialize)]
struct Answer {
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    finish_reason: Option<String>,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct Message {
    /// A text, or a list of parts.
    content: Option<Value>,
}

#[derive(Deserialize)]
struct ApiError {
    /// A word, or the HTTP status.
    code: Option<Value>,
    r#type: Option<Value>,
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

/// Whether a text holds the key.
fn has_key(text: &str, key: &Secret) -> bool {
    !key.is_empty() && text.contains(key.expose())
}

/// A text without the key.
fn removed(text: &str, key: &Secret) -> String {
    if has_key(text, key) { text.replace(key.expose(), "[removed]") } else { text.to_owned() }
}

/// A report without the texts that hold the key. They go to the database, the API and the spans.
fn without_key(report: Report, key: &Secret) -> Report {
    let kept = |text: Option<String>| text.filter(|text| !has_key(text, key));
    Report {
        model: kept(report.model),
        provider: kept(report.provider),
        generation_id: kept(report.generation_id),
        service_tier: kept(report.service_tier),
        ..report
    }
}

/// The text of a message: all of its parts that are texts.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part["text"].as_str()).collect()),
        _ => None,
    }
}

/// The provider's word for an error. Its sentences may repeat the prompt, or parts of the key, so that they are not shown.
fn shown_code(error: &ApiError, key: &Secret) -> Option<String> {
    let words = [&error.code, &error.r#type].into_iter().flatten().filter_map(Value::as_str);
    let is_word = |word: &&str| {
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_of_key = !key.is_empty() && (key.expose().contains(*word) || word.contains(key.expose()));
        !word.is_empty() && word.len() <= MAX_CODE_BYTES && word.chars().all(usable) && !is_of_key
    };
    words.into_iter().find(is_word).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: &str = "sk-hunter2";

    fn read_body(status: u16, body: &str) -> Reading {
        let status = reqwest::StatusCode::from_u16(status).unwrap();
        let retry_after = Some(Duration::from_secs(7));
        let response = ServiceResponse { status, body: body.as_bytes().to_vec(), is_cut: false, retry_after };
        read(Ok(response), &belfry_telemetry::settings::header_token(KEY).unwrap())
    }

    fn completion(message: &str, rest: &str) -> String {
        format!(
            r#"{{"model":"m-1","object":"chat.completion","choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]{rest}}}"#
        )
    }

    const USAGE: &str = r#","usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}"#;

    #[test]
    fn a_completion_is_read_with_what_it_used() {
        let said = r#"{"role":"assistant","content":"Good."}"#;
        let reading = read_body(200, &completion(said, USAGE));
        let expected = Completion { text: "Good.".to_owned(), model: Some("m-1".to_owned()), is_cut: false };
        assert_eq!((reading.outcome, reading.result), (AiOutcome::Ok, Ok(expected)));
        let usage = reading.report.unwrap().usage.unwrap();
        assert_eq!((usage.prompt(), usage.output()), (12, 3));
        let parts = r#"{"content":[{"type":"text","text":"Go"},{"type":"text","text":"od."}]}"#;
        assert_eq!(read_body(200, &completion(parts, USAGE)).result.unwrap().text, "Good.");
        let cut = completion(said, USAGE).replace("\"stop\"", "\"length\"");
        assert!(read_body(200, &cut).result.unwrap().is_cut);
    }

    #[test]
    fn a_completion_without_usage_is_still_one() {
        let reading = read_body(200, &completion(r#"{"content":"Good."}"#, ""));
        assert_eq!(reading.outcome, AiOutcome::NoUsage);
        assert_eq!(reading.result.unwrap().text, "Good.");
    }

    #[test]
    fn answers_without_a_text_are_told_apart() {
        let whole = completion(r#"{"content":"Good."}"#, USAGE);
        for (body, kind) in [
            ("", FailureKind::Truncated),
            (&whole[..whole.len() - 1], FailureKind::Truncated),
            (&whole[..40], FailureKind::Truncated),
            ("<html>", FailureKind::Malformed),
            ("[]", FailureKind::Malformed),
            (r#"{"choices":7}"#, FailureKind::Malformed),
            (r#"{"choices":[]}"#, FailureKind::Empty),
            ("{}", FailureKind::Empty),
            (&completion(r#"{"content":null}"#, USAGE), FailureKind::Empty),
            (&completion(r#"{"content":" \n\u202e\u0000 "}"#, USAGE), FailureKind::Empty),
            (&completion("null", USAGE), FailureKind::Empty),
        ] {
            let reading = read_body(200, body);
            let failure = reading.result.unwrap_err();
            assert_eq!((failure.kind, failure.may_be_retried()), (kind, false), "{body}");
            assert_eq!(reading.outcome, kind.outcome());
        }
        let billed = read_body(200, &completion(r#"{"content":null}"#, USAGE));
        assert_eq!(billed.report.unwrap().usage.unwrap().prompt(), 12);
    }

    #[test]
    fn an_error_has_the_kind_of_its_status_wherever_it_stands() {
        for (status, kind, retried) in [
            (400, FailureKind::BadRequest, false),
            (401, FailureKind::Refused, false),
            (402, FailureKind::Refused, false),
            (404, FailureKind::BadRequest, false),
            (408, FailureKind::Timeout, true),
            (429, FailureKind::RateLimited, true),
            (500, FailureKind::ServerError, true),
            (504, FailureKind::Timeout, false),
            (524, FailureKind::Timeout, false),
            (529, FailureKind::ServerError, true),
        ] {
            let body = format!(r#"{{"error":{{"message":"x","code":{status}}}}}"#);
            let in_choice = format!(r#"{{"choices":[{{"error":{{"code":{status}}},"message":{{"content":""}}}}]}}"#);
            for reading in [read_body(status, "<html>"), read_body(200, &body), read_body(200, &in_choice)] {
                let failure = reading.result.unwrap_err();
                let expected = (kind, Some(status), retried);
                assert_eq!((failure.kind, failure.http_status, failure.may_be_retried()), expected);
                assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
            }
        }
        let without_choices = r#"{"choices":null,"error":{"code":429}}"#;
        assert_eq!(read_body(200, without_choices).result.unwrap_err().kind, FailureKind::RateLimited);
        assert_eq!(read_body(302, "").result.unwrap_err().kind, FailureKind::BadRequest);
        assert_eq!(read_body(200, r#"{"error":{}}"#).result.unwrap_err().kind, FailureKind::ServerError);
    }

    #[test]
    fn no_part_of_an_answer_keeps_the_key() {
        let said = r#"{"content":"My key is sk-hunter2, sk-\u0000hunter2."}"#;
        let names = r#","id":"sk-hunter2","provider":"x sk-hunter2","service_tier":"sk-hunter2""#;
        let body = completion(said, &format!("{names}{USAGE}")).replace("m-1", "sk-hunter2");
        let reading = read_body(200, &body);
        assert!(!format!("{reading:?}").contains("hunter2"), "{reading:?}");
        let completion = reading.result.unwrap();
        assert_eq!((completion.text.as_str(), completion.model), ("My key is [removed], [removed].", None));
        assert_eq!(reading.report.unwrap().usage.unwrap().prompt(), 12);
    }

    #[test]
    fn of_an_error_only_a_word_is_shown_and_never_the_key() {
        let code = |error: &str| read_body(404, &format!(r#"{{"error":{error}}}"#)).result.unwrap_err().provider_code;
        assert_eq!(code(r#"{"code":"model_not_found","message":"sk-hunter2"}"#).as_deref(), Some("model_not_found"));
        assert_eq!(code(r#"{"code":null,"type":"invalid_request_error"}"#).as_deref(), Some("invalid_request_error"));
        for hidden in
            [r#"{"code":"sk-hunter2"}"#, r#"{"code":"hunter2"}"#, r#"{"code":"Key sk-hunter2 is wrong"}"#, "{}"]
        {
            assert_eq!(code(hidden), None, "{hidden}");
        }
    }
}
