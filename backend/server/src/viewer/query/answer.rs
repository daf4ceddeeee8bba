//! What of a source's answer is passed on: JSON, with its status if that is a success or a refusal, and compressed as it came.
//! None of its headers is.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::is_media_type;
use super::memory::AnswerBytes;
use super::received::{Content, Received};
use super::slots::busy;
use crate::error::{Error, Result};
use crate::labels::QuerySource;
use crate::request::shown;

const JSON: &str = "application/json";

/// The statuses of a source that are also those of the response. Others would say something of this server, such as that it wants a
/// password.
const PASSED_ON: [StatusCode; 5] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_FOUND,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
];

/// As much of a source's own words as is shown.
const SENTENCE_CHARACTERS: usize = 300;

/// What a query is told whose answer finds no room.
const NO_ROOM: &str =
    "answers that their clients have not taken yet use VIEWER__MAX_QUERIES times VIEWER__MAX_ANSWER_BYTES";

/// An answer that is passed on.
pub(super) struct Answer {
    /// Success or 4xx.
    pub status: StatusCode,
    body: AnswerBytes,
    is_gzip: bool,
}

impl Answer {
    /// The response. A client that takes longer than `patience` for it is cut off.
    pub fn into_response(self, patience: Duration) -> Response {
        let length = self.body.len();
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(JSON)),
            (header::CONTENT_LENGTH, HeaderValue::from(length)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        let mut response = (self.status, headers, self.body.into_body(patience)).into_response();
        if self.is_gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

impl Received {
    /// What is passed on.
    ///
    /// # Errors
    /// 503 where there is no room for it, 502 for what is not passed on, 504 where the source took too long by its own clock,
    /// and its own 4xx where that is no JSON.
    pub fn into_answer(self, source: QuerySource, max_bytes: u64) -> Result<Answer> {
        let Self { status, content_type, content } = self;
        let name = source.title();
        let bad_gateway =
            |code: &'static str, detail: String| Error::Query { status: StatusCode::BAD_GATEWAY, code, detail };
        let (body, is_gzip, beginning) = match content {
            Content::Whole { body, is_gzip, beginning } => (body, is_gzip, beginning),
            Content::NoRoom => return Err(busy(NO_ROOM)),
            Content::TooLarge => {
                let detail = format!(
                    "{name}: found an answer of more bytes than VIEWER__MAX_ANSWER_BYTES ({max_bytes}); choose a shorter time \
                     range, a longer step, or a query of fewer series"
                );
                return Err(bad_gateway("query_answer_too_large", detail));
            }
            Content::Unreadable => {
                let detail = format!("{name}: found an answer that cannot be unpacked, expected gzip or none");
                return Err(bad_gateway("query_answer_invalid", detail));
            }
        };
        if status.is_server_error() {
            return Err(source_fault(source, status, &beginning));
        }
        let is_json = is_media_type(&content_type, JSON);
        if is_json && PASSED_ON.contains(&status) {
            return Ok(Answer { status, body, is_gzip });
        }
        if status.is_client_error() {
            // Loki says so in plain text.
            let detail = format!("{name} answers {}: {}", status.as_u16(), sentence(&beginning));
            let status = if PASSED_ON.contains(&status) { status } else { StatusCode::BAD_GATEWAY };
            return Err(Error::Query { status, code: "query_refused", detail });
        }
        let found = match status.is_redirection() {
            true => "a redirect".to_owned(),
            false => shown(&content_type),
        };
        let detail = format!(
            "{name}: found {found} (status {}), expected {JSON}: does its setting name the right address?",
            status.as_u16()
        );
        Err(bad_gateway("query_answer_invalid", detail))
    }
}

/// The error for a 5xx of a source.
fn source_fault(source: QuerySource, status: StatusCode, beginning: &[u8]) -> Error {
    /// The JSON of Prometheus's errors.
    #[derive(Deserialize)]
    struct SourceError {
        #[serde(rename = "errorType")]
        error_type: String,
    }
    let error_type = serde_json::from_slice(beginning).map(|error: SourceError| error.error_type).unwrap_or_default();
    let (name, status) = (source.title(), status.as_u16());
    if error_type == "timeout" {
        let detail = format!(
            "{name} stopped the query because it took too long; choose a shorter time range, or a query of fewer series"
        );
        return Error::Query { status: StatusCode::GATEWAY_TIMEOUT, code: "query_timeout", detail };
    }
    let detail = format!("{name} answers {status}: {}", sentence(beginning));
    Error::Query { status: StatusCode::BAD_GATEWAY, code: "query_source_unreachable", detail }
}

/// What a source says in its own words, on one line.
fn sentence(beginning: &[u8]) -> String {
    let text = String::from_utf8_lossy(beginning);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        "no reason given".to_owned()
    } else {
        words.join(" ").chars().take(SENTENCE_CHARACTERS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::AnswerMemory;
    use super::*;

    fn received(status: u16, content_type: &str, body: &str) -> Received {
        let mut bytes = AnswerBytes::default();
        bytes.add(body.as_bytes(), &AnswerMemory::new(1, 1000)).unwrap();
        let content = Content::Whole { body: bytes, is_gzip: false, beginning: body.into() };
        Received { status: StatusCode::from_u16(status).unwrap(), content_type: content_type.to_owned(), content }
    }

    fn passed_on(status: u16, content_type: &str, body: &str) -> Result<u16, (u16, &'static str, String)> {
        match received(status, content_type, body).into_answer(QuerySource::Loki, 100) {
            Ok(answer) => Ok(answer.status.as_u16()),
            Err(Error::Query { status, code, detail }) => Err((status.as_u16(), code, detail)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn only_json_of_a_success_or_a_refusal_is_passed_on() {
        for status in [200, 400, 404, 422, 429] {
            assert_eq!(passed_on(status, "application/json; charset=utf-8", "{}"), Ok(status));
        }
        let cases = [
            (
                400,
                "text/plain",
                "parse error\nat line 1\r\n",
                400,
                "query_refused",
                "Loki answers 400: parse error at line 1",
            ),
            (403, "text/html", "", 502, "query_refused", "Loki answers 403: no reason given"),
            (401, JSON, "{}", 502, "query_refused", "Loki answers 401"),
            (206, JSON, "{}", 502, "query_answer_invalid", "(status 206)"),
            (200, "text/html", "<p>", 502, "query_answer_invalid", "found \"text/html\" (status 200)"),
            (200, "", "{}", 502, "query_answer_invalid", "found \"\""),
            (302, "application/json", "{}", 502, "query_answer_invalid", "found a redirect (status 302)"),
            (500, "text/plain", "broken", 502, "query_source_unreachable", "Loki answers 500: broken"),
            (503, JSON, r#"{"errorType": "timeout"}"#, 504, "query_timeout", "took too long"),
            (503, JSON, r#"{"errorType": "unavailable"}"#, 502, "query_source_unreachable", "Loki answers 503"),
        ];
        for (status, content_type, body, expected, code, says) in cases {
            let (found, found_code, detail) = passed_on(status, content_type, body).unwrap_err();
            assert_eq!((found, found_code), (expected, code), "{status} {content_type}");
            assert!(detail.contains(says), "{detail}");
        }
    }
}
