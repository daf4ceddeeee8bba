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
///
/// ```
/// use belfry_telemetry::catalogue::LogLevel;
///
/// assert_eq!(LogLevel::from(tracing::Level::WARN), LogLevel::Warn);
/// assert_eq!(LogLevel::Warn.to_string(), "warn");
/// ```
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
///
/// ```
/// use belfry_telemetry::catalogue::{DB_QUERY_DURATION_SECONDS, QueryType};
/// use belfry_telemetry::testing::changed_series;
///
/// let series = changed_series(|| DB_QUERY_DURATION_SECONDS.with(QueryType::Select).record(0.25));
/// assert_eq!(series, [r#"db_query_duration_seconds{query_type="select"} 0.25"#]);
/// ```
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
///
/// ```
/// use belfry_telemetry::catalogue::{DB_ERRORS_TOTAL, DatabaseErrorKind};
/// use belfry_telemetry::testing::changed_series;
///
/// let series = changed_series(|| DB_ERRORS_TOTAL.with(DatabaseErrorKind::Timeout).increment(1));
/// assert_eq!(series, [r#"db_errors_total{kind="timeout"} 1"#]);
/// ```
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
///
/// ```
/// use belfry_telemetry::catalogue::JobStatus;
///
/// // As it is stored in a table of runs.
/// assert_eq!(JobStatus::Aborted.as_str(), "aborted");
/// ```
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
///
/// ```
/// use belfry_telemetry::catalogue::CallFailure;
///
/// fn failure_of(error: &std::io::Error) -> CallFailure {
///     match error.kind() {
///         std::io::ErrorKind::TimedOut => CallFailure::Timeout,
///         std::io::ErrorKind::ConnectionRefused => CallFailure::Unreachable,
///         _ => CallFailure::Broken,
///     }
/// }
/// assert_eq!(failure_of(&std::io::ErrorKind::TimedOut.into()).to_string(), "timeout");
/// ```
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
///
/// ```
/// use belfry_telemetry::catalogue::LokiStage;
/// use strum::VariantNames;
///
/// // For an alert or a dashboard that is generated.
/// assert_eq!(LokiStage::VARIANTS, ["emitted", "sent", "retried", "refused", "dropped"]);
/// ```
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
///
/// ```
/// use belfry_telemetry::catalogue::SpanStage;
/// use strum::VariantNames;
///
/// // For an alert or a dashboard that is generated.
/// assert_eq!(SpanStage::VARIANTS, ["ended", "exported", "failed", "dropped"]);
/// ```
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
