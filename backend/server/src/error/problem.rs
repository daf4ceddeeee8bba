//! The answer to an error: `application/problem+json` (RFC 9457) with a stable code and a safe sentence.
//!
//! The cause is logged once, here, with the request's id; the client never sees it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belfry_learning::excerpt::shorten_message;
use belfry_telemetry::catalogue::ERRORS_TOTAL;
use belfry_telemetry::http::current_request_id;
use headers::{ContentRange, HeaderMapExt, RetryAfter};
use serde_json::{Map, Value, json};

use super::{Error, ServerFault, chain};
use crate::catalogue::HTTP_REQUESTS_REFUSED_TOTAL;
use crate::timestamp::{now_micros, rfc3339};

/// The longest detail of a problem. It may show what a client sent, which may be as long as a body.
const MAX_DETAIL_BYTES: usize = 2048;

/// The longest text among the further fields of a problem, and the most items of a list.
const MAX_EXTRA_BYTES: usize = 512;
const MAX_EXTRA_ITEMS: usize = 100;

/// When a client may try again that found no free slot, or a dependency that was not available.
pub const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// With which a browser asks a person for a name and a password (RFC 7617): the password is a key.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"Belfry: a key as the password\", charset=\"UTF-8\"");

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let fault = self.is_server_fault().then(|| ServerFault { component: self.component(), code: self.code() });
        if fault.is_some() {
            ERRORS_TOTAL.with((self.code(), self.component())).increment(1);
            tracing::error!(code = self.code(), cause = chain(&self), "request failed");
        }
        if let Some(reason) = self.refusal() {
            HTTP_REQUESTS_REFUSED_TOTAL.with(reason).increment(1);
        }
        let mut problem = Map::new();
        problem.insert("type".into(), json!("about:blank"));
        problem.insert("title".into(), json!(status.canonical_reason()));
        problem.insert("status".into(), json!(status.as_u16()));
        problem.insert("code".into(), json!(self.code()));
        problem.insert("detail".into(), json!(shorten_message(&self.to_string(), MAX_DETAIL_BYTES)));
        problem.insert("request_id".into(), json!(current_request_id()));
        let mut headers = HeaderMap::new();
        // A limit that was met, or a dependency that may be back soon.
        let mut retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_PAUSE);
        match self {
            Self::Invalid { extras, .. } => {
                problem.extend(extras.into_iter().map(|(name, value)| (name, shortened(value))))
            }
            Self::Unauthorized(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Ai { retry_after: told, .. } => retry_after = told,
            Self::BudgetExhausted { budget, opens_at, .. } => {
                problem.insert("budget".into(), json!(budget));
                problem.insert("opens_at".into(), json!(opens_at.map(rfc3339)));
                let until =
                    opens_at.map(|time| time.saturating_sub(now_micros()).max(0).unsigned_abs().div_ceil(1_000_000));
                // Not at once: the clock of the client may be behind.
                retry_after = Some(until.map_or(RETRY_PAUSE, |seconds| Duration::from_secs(seconds.max(1))));
            }
            Self::SignatureRefused { .. } => {
                // A 401 names how to authenticate (RFC 9110, section 15.5.2). The scheme is not a registered one.
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("StandardWebhooks"));
            }
            Self::Unauthenticated { offers_basic, .. } => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                if offers_basic {
                    headers.append(header::WWW_AUTHENTICATE, BASIC);
                }
            }
            Self::BuffersFull => {
                // What is left of its body is not read, so that no other request can follow it.
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::TooManyFailures { seconds } => retry_after = Some(Duration::from_secs(seconds)),
            Self::Range { size_bytes } => headers.typed_insert(ContentRange::unsatisfied_bytes(size_bytes)),
            _ => {}
        }
        if let Some(pause) = retry_after {
            headers.typed_insert(RetryAfter::delay(pause));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // It is about one request at one time; a 404 or 405 may be stored without being asked (RFC 9110, section 15.1).
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut response = (status, headers, Value::Object(problem).to_string()).into_response();
        if let Some(fault) = fault {
            response.extensions_mut().insert(fault);
        }
        response
    }
}

/// A field of a problem, cut to what a person reads.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(shorten_message(&text, MAX_EXTRA_BYTES).into_owned()),
        Value::Array(items) => items.into_iter().take(MAX_EXTRA_ITEMS).map(shortened).collect(),
        other => other,
    }
}
