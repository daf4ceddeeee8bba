//! The guard that measures one request, from its head to the end of its response.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::http::StatusCode;
use tracing::Span;

use super::route_series::RouteSeries;

/// The status under which a client that left early is counted; the number is nginx's.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// One request in flight. Dropped before [`finish`](Self::finish) or [`fail`](Self::fail) it is counted as cancelled by the
/// client.
pub(super) struct RequestGuard {
    series: &'static RouteSeries,
    started: Instant,
    // What is counted on drop.
    status: u16,
    response_status: u16,
    endless: bool,
    sent: u64,
    // When the request is traced: what is recorded within it can be linked to the trace. Until then the span is not over.
    span: Option<Span>,
    /// Bytes of the request's body that were read; none when there is no body, or sizes are not measured.
    pub(super) received: Option<Arc<AtomicU64>>,
}

impl RequestGuard {
    /// Starts the measurement of a request.
    pub(super) fn start(series: &'static RouteSeries) -> Self {
        if let Some(in_progress) = &series.in_progress {
            in_progress.increment(1.0);
        }
        Self {
            series,
            started: Instant::now(),
            status: CLIENT_CLOSED_REQUEST,
            response_status: CLIENT_CLOSED_REQUEST,
            endless: false,
            sent: 0,
            span: None,
            received: None,
        }
    }

    /// The response's head is known. Until its body ends, a client that leaves is still counted as such, and `span`, that
    /// of a traced request, goes on.
    pub(super) fn respond(&mut self, status: StatusCode, endless: bool, span: Option<&Span>) {
        self.endless = endless;
        self.span = span.cloned();
        // An event stream ends when its client leaves: that is its normal end.
        self.status = if endless { status.as_u16() } else { CLIENT_CLOSED_REQUEST };
        self.response_status = status.as_u16();
    }

    pub(super) fn measures_sizes(&self) -> bool {
        self.series.measures_sizes
    }

    /// Adds bytes of the response's body.
    pub(super) fn add_sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent
    }

    fn record(&self) {
        let series = self.series;
        if let Some(in_progress) = &series.in_progress {
            in_progress.decrement(1.0);
        }
        if let Some(histograms) = series.histograms(self.response_status) {
            if let Some((request_size, response_size)) = &histograms.sizes {
                let received = self.received.as_ref().map_or(0, |received| received.load(Ordering::Relaxed));
                request_size.record(received as f64);
                response_size.record(self.sent as f64);
            }
            if !self.endless {
                histograms.duration.record(self.started.elapsed().as_secs_f64());
            }
        }
        series.count(self.status);
    }

    /// The whole response was sent.
    pub(super) fn finish(mut self) {
        self.status = self.response_status;
    }

    /// We could not complete the response.
    pub(super) fn fail(mut self) {
        self.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
        }
        match &self.span {
            Some(span) => span.in_scope(|| self.record()),
            None => self.record(),
        }
    }
}
