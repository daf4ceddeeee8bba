//! One error enum: the status and the stable code of each, and what may be done about it. How it is answered and logged is in
//! `problem.rs`.

mod database_errors;
mod problem;

use std::time::Duration;

use axum::http::StatusCode;
use belfry_telemetry::catalogue::{DB_ERRORS_TOTAL, DatabaseErrorKind};
use serde_json::{Map, Value};

use crate::labels::{BudgetName, Component, RequestRefusal};
use database_errors::{is_database_full, is_unreachable, kind};

pub use belfry_telemetry::error_text::chain;
pub use problem::RETRY_PAUSE;

/// What handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing has this id or name: 404.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The same, with what was found and what there is.
    #[error("{detail}")]
    Unknown { detail: String },
    /// The path has routes, and none of them for this method: 405.
    #[error("{0} is not allowed here; the header Allow says what is")]
    MethodNotAllowed(axum::http::Method),
    /// The request cannot be understood: 400.
    #[error("{detail}")]
    BadRequest { code: &'static str, detail: String },
    /// The request is understood and its content is wrong: 422, with details by name.
    #[error("{detail}")]
    Invalid { code: &'static str, detail: String, extras: Map<String, Value> },
    /// It contradicts the present state: 409.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    /// Its body is of a kind that is not read here: 415.
    #[error("{0}")]
    UnsupportedMediaType(String),
    /// The client disconnected before its body was complete: 400, which it rarely receives.
    #[error("the body ended before it was complete")]
    Incomplete,
    /// Larger than allowed: 413.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    /// The client stopped sending: 408.
    #[error("no request body data received for {0} s")]
    Stalled(u64),
    /// The client sends, and too slowly: 408.
    #[error("the request body came too slowly: expected {0}")]
    TooSlow(String),
    /// Bodies of others have taken the memory for them: 503 with Retry-After.
    #[error("request bodies have taken all that SERVER__MAX_BUFFERED_BYTES allows them")]
    BuffersFull,
    /// The request is for another host: 421.
    #[error("Host: found {0}, expected an IP address, localhost or a name in SERVER__ALLOWED_HOSTS")]
    UnknownHost(String),
    /// A web page of another site sent it: 403.
    #[error("{0}")]
    CrossSite(&'static str),
    /// The sender has not shown that it may do this: 401.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The signature of what was sent is missing, or not that of a sender that is known here: 401.
    #[error("{detail}")]
    SignatureRefused { code: &'static str, detail: String },
    /// What is asked for is switched off by the settings: 503 with Retry-After, since whoever sends may keep it until it is on.
    #[error("{detail}")]
    SwitchedOff { code: &'static str, detail: String },
    /// The sender has shown no key or token that is valid here: 401. A browser is asked for one where it may send it.
    #[error("{detail}")]
    Unauthenticated { code: &'static str, detail: &'static str, offers_basic: bool },
    /// Too many keys of its address were refused: 429 with Retry-After, in seconds.
    #[error("this address has had AUTH__MAX_FAILURES refused; it may try again in {seconds} s")]
    TooManyFailures { seconds: u64 },
    /// Nobody may do this as the settings are, or not with this key: 403.
    #[error("{detail}")]
    Forbidden { code: &'static str, detail: String },
    /// A budget does not allow it before a certain time, or before calls in flight have ended: 429 with Retry-After.
    #[error("{detail}")]
    BudgetExhausted {
        budget: BudgetName,
        /// In microseconds since 1970.
        opens_at: Option<i64>,
        detail: String,
    },
    /// The requested range lies outside the content: 416.
    #[error("the range lies outside the {size_bytes} bytes")]
    Range { size_bytes: u64 },
    /// The content is another one than the client wants: 412.
    #[error("the content is not the one that If-Match names")]
    PreconditionFailed,
    /// Busy for now: 503 with Retry-After.
    #[error("{0}")]
    Busy(String),
    /// The same because of a limit of the settings; counted by its reason.
    #[error("{detail}")]
    LimitReached { reason: RequestRefusal, detail: String },
    /// A query for another service is not answered: 404, 502, 504, 503 with Retry-After, or that service's own 4xx.
    #[error("{detail}")]
    Query { status: StatusCode, code: &'static str, detail: String },
    /// No text of the AI provider: 503 while it is off or busy, 502 and 504 when it does not answer as it should. `retry_after`:
    /// when another try may succeed, if that is known.
    #[error("{detail}")]
    Ai { status: StatusCode, code: &'static str, detail: String, retry_after: Option<Duration> },
    /// The database failed: 503 with Retry-After when it cannot be reached or is locked, or when this machine has no thread
    /// left for a further connection to SQLite; 507 when its disk is full, else 500.
    #[error("the database is not available")]
    Database(#[source] sqlx::Error),
    /// The file store failed: 503, or 507 when it is full.
    #[error("the file store is not available")]
    Storage(#[source] anyhow::Error),
    /// A folder of this machine beside the file store: 503, or 507 when its disk is full.
    #[error("the {0} is not available")]
    Folder(&'static str, #[source] std::io::Error),
    /// A fault of this program: 500.
    #[error("an internal error")]
    Internal(#[source] anyhow::Error),
}

/// What a response carries inside this process when its error is a fault of the server.
#[derive(Clone, Copy, Debug)]
pub struct ServerFault {
    /// Of which part.
    pub component: Component,
    /// The error's code.
    pub code: &'static str,
}

impl Error {
    /// 422 without further details.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { code, detail: detail.into(), extras: Map::new() }
    }

    /// Gives an I/O error its meaning, which differs from place to place: that of a folder, such as "folder of log files".
    pub fn folder(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Folder(what, error)
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) | Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest { .. } | Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Stalled(_) | Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BuffersFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Unauthorized(_) | Self::Unauthenticated { .. } | Self::SignatureRefused { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::CrossSite(_) | Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::BudgetExhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::Busy(_) | Self::LimitReached { .. } | Self::SwitchedOff { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Query { status, .. } | Self::Ai { status, .. } => *status,
            Self::Database(error) if is_unreachable(error) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(error) if is_database_full(error) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Database(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Storage(cause) if is_full(cause) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Folder(_, cause) if is_disk_full(cause) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Storage(_) | Self::Folder(..) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable code by which programs distinguish errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) | Self::Unknown { .. } => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::BadRequest { code, .. }
            | Self::Invalid { code, .. }
            | Self::Conflict { code, .. }
            | Self::Forbidden { code, .. }
            | Self::SignatureRefused { code, .. }
            | Self::SwitchedOff { code, .. }
            | Self::Unauthenticated { code, .. }
            | Self::Query { code, .. }
            | Self::Ai { code, .. } => code,
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::Incomplete => "incomplete_body",
            Self::TooLarge { .. } => "too_large",
            Self::Stalled(_) => "stalled",
            Self::TooSlow(_) => "too_slow",
            Self::BuffersFull => "buffers_full",
            Self::UnknownHost(_) => "unknown_host",
            Self::CrossSite(_) => "cross_site",
            Self::Unauthorized(_) => "unauthorized",
            Self::BudgetExhausted { .. } => "ai_budget_exhausted",
            Self::TooManyFailures { .. } => "too_many_failures",
            Self::Range { .. } => "range_not_satisfiable",
            Self::PreconditionFailed => "precondition_failed",
            Self::Busy(_) | Self::LimitReached { .. } => "busy",
            Self::Database(error) if is_database_full(error) => "database_full",
            Self::Database(_) => "database_unavailable",
            Self::Storage(cause) if is_full(cause) => "storage_full",
            Self::Storage(_) => "storage_unavailable",
            Self::Folder(_, cause) if is_disk_full(cause) => "disk_full",
            Self::Folder(..) => "folder_unavailable",
            Self::Internal(_) => "internal",
        }
    }

    fn component(&self) -> Component {
        match self {
            Self::Database(_) => Component::Database,
            Self::Storage(_) => Component::Storage,
            _ => Component::Api,
        }
    }

    /// Whether a retry may succeed: a dependency is unavailable or full.
    pub fn is_transient(&self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE)
    }

    /// Whether the statement is known not to have been applied, now or later.
    pub fn is_definitely_not_applied(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::PoolTimedOut) => true,
            // After a disk failure or a server that stopped meanwhile, it is unknown.
            Self::Database(error @ sqlx::Error::Database(_)) => kind(error) != DatabaseErrorKind::Connection,
            _ => false,
        }
    }

    /// Whether the fault is the server's, not the client's and not that of a service which is asked for the client.
    pub fn is_server_fault(&self) -> bool {
        self.status().is_server_error()
            && !matches!(
                self,
                Self::Busy(_)
                    | Self::LimitReached { .. }
                    | Self::BuffersFull
                    | Self::SwitchedOff { .. }
                    | Self::Query { .. }
                    | Self::Ai { .. }
            )
    }

    /// Why reading a request's body failed: it came too slowly, breaks the rules of HTTP, or did not come to its end.
    pub fn from_body(error: &axum::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(Self::TooSlow(expected)) = error.downcast_ref::<Self>() {
                return Self::TooSlow(expected.clone());
            }
            // What hyper says of chunks and trailers that it cannot read; of a body that ends early it says another kind.
            if let Some(kind) = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
                && matches!(kind, std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData)
            {
                let detail = "the body breaks the rules of chunks or trailers (RFC 9112, section 7.1)".to_owned();
                return Self::BadRequest { code: "malformed_body", detail };
            }
            cause = error.source();
        }
        Self::Incomplete
    }

    /// Whether the request is refused for how it was sent, and why.
    fn refusal(&self) -> Option<RequestRefusal> {
        match self {
            Self::Stalled(_) | Self::TooSlow(_) => Some(RequestRefusal::SlowBody),
            Self::BuffersFull => Some(RequestRefusal::MaxBufferedBytes),
            Self::LimitReached { reason, .. } => Some(*reason),
            Self::BadRequest { code: "invalid_host", .. } => Some(RequestRefusal::InvalidHost),
            Self::BadRequest { code: "malformed_body", .. } => Some(RequestRefusal::MalformedBody),
            Self::UnknownHost(_) => Some(RequestRefusal::UnknownHost),
            Self::CrossSite(_) => Some(RequestRefusal::CrossSite),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        DB_ERRORS_TOTAL.with(kind(&error)).increment(1);
        Self::Database(error)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// Whether a chain of causes ends in a full disk or quota.
fn is_full(cause: &anyhow::Error) -> bool {
    cause.chain().any(|cause| cause.downcast_ref().is_some_and(is_disk_full))
}

fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
