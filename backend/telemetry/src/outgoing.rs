//! Calls to other services: a guard that counts one call, says how it ended, and carries the trace along.
//!
//! It knows no HTTP client: `begin` before the request is sent, [`OutgoingCall::headers`] into it, and one of the endings
//! once the answer has been read.

use std::time::Instant;

use crate::catalogue::{EXTERNAL_API_DURATION_SECONDS, EXTERNAL_API_REQUESTS_TOTAL};

/// Why a call got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer, or not all of it, in time.
    Timeout,
    /// No connection: refused, unknown host, no TLS session.
    Unreachable,
    /// The connection broke, or what came was no answer.
    Broken,
}

impl Failure {
    /// The value of the `status` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
        }
    }
}

/// One call under way. Dropped without a word it is `cancelled`: right when its caller goes away, and on panic.
pub struct OutgoingCall {
    service: &'static str,
    endpoint: &'static str,
    started: Instant,
    ended: bool,
}

impl OutgoingCall {
    /// Begins a call. `service` names who is called, `endpoint` what is asked for: a name or a template such as
    /// `/v1/models`, never an address, an id or a token.
    pub fn begin(service: &'static str, endpoint: &'static str) -> Self {
        Self { service, endpoint, started: Instant::now(), ended: false }
    }

    /// The present trace as W3C headers, to be sent along; empty when nothing is traced.
    pub fn headers(&self) -> Vec<(String, String)> {
        crate::traces::outgoing_headers()
    }

    /// It was answered with this HTTP status, whatever that says.
    pub fn answered(mut self, status: u16) {
        self.end(&status.to_string());
    }

    /// It was not answered.
    pub fn failed(mut self, failure: Failure) {
        self.end(failure.as_str());
    }

    fn end(&mut self, status: &str) {
        self.ended = true;
        EXTERNAL_API_REQUESTS_TOTAL.with([self.service, self.endpoint, status]).increment(1);
        EXTERNAL_API_DURATION_SECONDS.with([self.service]).record(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for OutgoingCall {
    fn drop(&mut self) {
        if !self.ended {
            self.end("cancelled");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    /// Everything that `emit` moves: counters by name and labels, histograms by their number of values.
    fn moved(emit: impl FnOnce()) -> BTreeMap<String, u64> {
        crate::metric::switch_to_local_recorders();
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, emit);
        let series = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let labels: Vec<String> = key.key().labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
            let count = match value {
                DebugValue::Counter(count) => count,
                DebugValue::Histogram(values) => values.len() as u64,
                DebugValue::Gauge(_) => panic!("no gauge is known here"),
            };
            (format!("{}{{{}}}", key.key().name(), labels.join(",")), count)
        });
        series.collect()
    }

    fn ended_as(status: &str) -> BTreeMap<String, u64> {
        BTreeMap::from([
            (format!("external_api_requests_total{{service=shop,endpoint=/orders,status={status}}}"), 1),
            ("external_api_duration_seconds{service=shop}".to_owned(), 1),
        ])
    }

    #[test]
    fn each_ending_counts_once_with_its_status_and_nothing_else() {
        let begin = || OutgoingCall::begin("shop", "/orders");
        assert_eq!(moved(|| begin().answered(200)), ended_as("200"));
        assert_eq!(moved(|| begin().answered(503)), ended_as("503"));
        assert_eq!(moved(|| begin().failed(Failure::Timeout)), ended_as("timeout"));
        assert_eq!(moved(|| begin().failed(Failure::Unreachable)), ended_as("unreachable"));
        assert_eq!(moved(|| begin().failed(Failure::Broken)), ended_as("broken"));
    }

    #[test]
    fn a_call_whose_caller_went_away_is_cancelled() {
        assert_eq!(moved(|| drop(OutgoingCall::begin("shop", "/orders"))), ended_as("cancelled"));
    }
}
