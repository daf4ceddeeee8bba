//! The closed labels of the standard metrics: enums whose derives give the values that the catalogue lists.

use axum::http::Method;
use strum::{Display, EnumIter, IntoStaticStr, VariantNames};

/// The method of a request.
///
/// ```
/// use axum::http::Method;
/// use belfry_telemetry::catalogue::RequestMethod;
///
/// assert_eq!(RequestMethod::from(&Method::GET).to_string(), "GET");
/// let unknown = Method::from_bytes(b"PROPFIND").unwrap();
/// assert_eq!(RequestMethod::from(&unknown).to_string(), "OTHER");
/// ```
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq, Hash)]
#[strum(serialize_all = "UPPERCASE")]
pub enum RequestMethod {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
    /// `TRACE`.
    Trace,
    /// `CONNECT`.
    Connect,
    /// Any other: a method is any word that a client sends.
    Other,
}

impl From<&Method> for RequestMethod {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            Method::OPTIONS => Self::Options,
            Method::TRACE => Self::Trace,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// The level of a log event.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq, PartialOrd, Ord)]
#[strum(serialize_all = "lowercase")]
pub enum LogLevel {
    /// Someone should look.
    Error,
    /// Something went wrong and was dealt with.
    Warn,
    /// What happened.
    Info,
    /// For finding faults.
    Debug,
    /// Everything.
    Trace,
}

impl From<tracing::Level> for LogLevel {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

/// What a database statement does, by its first word.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum QueryType {
    /// `SELECT` or `WITH`.
    Select,
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `BEGIN`, `COMMIT`, `ROLLBACK` or a savepoint.
    Transaction,
    /// Anything else.
    Other,
}

/// The kind of a database error.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum DatabaseErrorKind {
    /// No connection, or no response, in time.
    Timeout,
    /// The connection broke, or there was none.
    Connection,
    /// A row that the schema does not allow.
    Constraint,
    /// Anything else.
    Other,
}

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, Display, EnumIter, IntoStaticStr, VariantNames, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum JobStatus {
    /// It did its work.
    Success,
    /// It ended in an error.
    Failed,
    /// It was stopped before its end.
    Aborted,
}

impl JobStatus {
    /// As in labels and tables.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a call to another service has no response.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum CallFailure {
    /// No response, or not all of it, in time.
    Timeout,
    /// No connection: refused, unknown host, no TLS session.
    Unreachable,
    /// The connection broke, or the response was invalid.
    Broken,
    /// The caller did not wait for the response.
    Cancelled,
}

/// Where a log event is on its way to Loki.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum LokiStage {
    /// It was logged.
    Emitted,
    /// Loki has it.
    Sent,
    /// Its batch was sent again.
    Retried,
    /// Loki will never accept it.
    Refused,
    /// The queue was full.
    Dropped,
}

/// Where a span is on its way to the collector.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, VariantNames, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum SpanStage {
    /// It ended here.
    Ended,
    /// The collector has it.
    Exported,
    /// It did not reach the collector.
    Failed,
    /// The queue was full.
    Dropped,
}
