//! Why a call came to no text: what is recorded of it, whether it is retried, and what the client is answered.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;

use crate::error::Error;
use crate::labels::AiOutcome;

/// The longest pause that a client is told of.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// When a client may try again whose call the provider answered 429 without saying when.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Why a call came to no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// The provider's HTTP status, if it answered.
    pub http_status: Option<u16>,
    /// The provider's own code of the error, such as `model_not_found`.
    pub provider_code: Option<String>,
    /// When the provider asks to be called again.
    pub retry_after: Option<Duration>,
}

/// What can happen to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer within AI__TIMEOUT, a 408, or a gateway's 504 or 524.
    Timeout,
    /// No connection.
    Unreachable,
    /// 401, 402 or 403.
    Refused,
    /// 429.
    RateLimited,
    /// Another 5xx.
    ServerError,
    /// Any other status that is no success.
    BadRequest,
    /// The body is not JSON, or not that of a chat completion.
    Malformed,
    /// A chat completion without a text.
    Empty,
    /// A body of more than is read.
    TooLarge,
    /// The body ended early.
    Truncated,
    /// This server stops.
    Cancelled,
}

impl FailureKind {
    /// As it is counted and kept in the ledger.
    pub fn outcome(self) -> AiOutcome {
        match self {
            Self::Timeout => AiOutcome::Timeout,
            Self::Unreachable => AiOutcome::Unreachable,
            Self::Refused => AiOutcome::Refused,
            Self::RateLimited => AiOutcome::RateLimited,
            Self::ServerError => AiOutcome::ServerError,
            Self::BadRequest => AiOutcome::BadRequest,
            Self::Malformed | Self::Empty | Self::TooLarge => AiOutcome::Malformed,
            Self::Truncated => AiOutcome::Truncated,
            Self::Cancelled => AiOutcome::Cancelled,
        }
    }

    fn status_and_code(self) -> (StatusCode, &'static str) {
        match self {
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "ai_timeout"),
            Self::Unreachable => (StatusCode::BAD_GATEWAY, "ai_unreachable"),
            Self::Refused => (StatusCode::BAD_GATEWAY, "ai_refused"),
            Self::RateLimited => (StatusCode::SERVICE_UNAVAILABLE, "ai_rate_limited"),
            Self::ServerError => (StatusCode::BAD_GATEWAY, "ai_failed"),
            Self::BadRequest => (StatusCode::BAD_GATEWAY, "ai_request_refused"),
            Self::Malformed => (StatusCode::BAD_GATEWAY, "ai_answer_invalid"),
            Self::Empty => (StatusCode::BAD_GATEWAY, "ai_answer_empty"),
            Self::TooLarge => (StatusCode::BAD_GATEWAY, "ai_answer_too_large"),
            Self::Truncated => (StatusCode::BAD_GATEWAY, "ai_answer_truncated"),
            Self::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "ai_cancelled"),
        }
    }
}

impl Failure {
    /// A failure of a call that has no answer.
    pub fn without_answer(kind: FailureKind) -> Self {
        Self { kind, http_status: None, provider_code: None, retry_after: None }
    }

    /// Whether the same call may succeed soon. One that may have been billed for an answer that was lost is not repeated.
    pub fn may_be_retried(&self) -> bool {
        match self.kind {
            FailureKind::Unreachable | FailureKind::RateLimited | FailureKind::ServerError => true,
            // Of a request that it has not taken whole. Behind a gateway that gave up, the provider may have answered.
            FailureKind::Timeout => self.http_status == Some(408),
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the AI provider ")?;
        match self.kind {
            FailureKind::Timeout if self.http_status.is_none() => {
                return formatter.write_str("gave no answer within AI__TIMEOUT");
            }
            FailureKind::Unreachable => return formatter.write_str("cannot be reached"),
            FailureKind::Malformed => return formatter.write_str("gave an answer that is no chat completion"),
            FailureKind::Empty => return formatter.write_str("gave an answer without a text"),
            FailureKind::TooLarge => return formatter.write_str("gave an answer of more than 1 MiB"),
            FailureKind::Truncated => return formatter.write_str("broke off its answer"),
            FailureKind::Cancelled => return formatter.write_str("was not waited for, since the server stops"),
            _ => {}
        }
        write!(formatter, "answers {}", self.http_status.unwrap_or_default())?;
        if let Some(code) = &self.provider_code {
            write!(formatter, " ({code})")?;
        }
        match self.kind {
            FailureKind::Refused => formatter.write_str(": look at AI__API_KEY and the account"),
            FailureKind::BadRequest => formatter.write_str(": look at AI__BASE_URL and AI__MODEL"),
            _ => Ok(()),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (status, code) = failure.kind.status_and_code();
        let retry_after = (failure.kind == FailureKind::RateLimited)
            .then(|| failure.retry_after.unwrap_or(RETRY_AFTER).min(MAX_RETRY_AFTER));
        Self::Ai { status, code, detail: failure.to_string(), retry_after }
    }
}
