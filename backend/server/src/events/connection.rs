//! Events of connections. Clients cause them at will, so their log lines are of level `debug`.

use belfry_telemetry::metric::InProgress;

use crate::catalogue::{HTTP_CONNECTIONS_CUT_TOTAL, HTTP_CONNECTIONS_OPEN, HTTP_CONNECTIONS_REFUSED_TOTAL};
use crate::error::chain;
use crate::labels::{ConnectionCut, ConnectionRefusal};

/// Counts a connection as open until it is dropped.
pub fn connection_open() -> InProgress {
    InProgress::enter(HTTP_CONNECTIONS_OPEN.with(()))
}

/// A connection was not served.
pub struct ConnectionRefused {
    /// Why.
    pub reason: ConnectionRefusal,
}

impl ConnectionRefused {
    /// Moves the metric and writes the log line.
    pub fn emit(self) {
        let reason: &str = self.reason.into();
        HTTP_CONNECTIONS_REFUSED_TOTAL.with(self.reason).increment(1);
        tracing::debug!(reason, "connection refused");
    }
}

/// The operating system did not hand a connection over.
pub struct AcceptFailed<'e> {
    /// Why.
    pub error: &'e std::io::Error,
}

impl AcceptFailed<'_> {
    /// Moves the metric and writes the log line, which an operator should see: clients are waiting.
    pub fn emit(self) {
        HTTP_CONNECTIONS_REFUSED_TOTAL.with(ConnectionRefusal::AcceptFailed).increment(1);
        tracing::warn!(cause = chain(self.error), "a connection could not be accepted");
    }
}

/// A connection was cut.
pub struct ConnectionCutOff {
    /// Why.
    pub reason: ConnectionCut,
}

impl ConnectionCutOff {
    /// Moves the metric and writes the log line.
    pub fn emit(self) {
        let reason: &str = self.reason.into();
        HTTP_CONNECTIONS_CUT_TOTAL.with(self.reason).increment(1);
        tracing::debug!(reason, "connection cut");
    }
}
