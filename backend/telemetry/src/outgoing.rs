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
    use super::*;
    use crate::testing::moved;

    /// What `ending` moves, with the duration left out.
    fn ended(ending: impl FnOnce(OutgoingCall)) -> Vec<String> {
        let moved = moved(|| ending(OutgoingCall::begin("shop", "/orders")));
        let timed = |line: String| match line.split_once("} ") {
            Some((name, _)) if name.contains("_seconds") => format!("{name}}} ?"),
            _ => line,
        };
        moved.into_iter().map(timed).collect()
    }

    fn expected(status: &str) -> [String; 2] {
        [
            r#"external_api_duration_seconds{service="shop"} ?"#.to_owned(),
            format!(r#"external_api_requests_total{{service="shop",endpoint="/orders",status="{status}"}} 1"#),
        ]
    }

    #[test]
    fn each_ending_counts_once_with_its_status_and_nothing_else() {
        assert_eq!(ended(|call| call.answered(200)), expected("200"));
        assert_eq!(ended(|call| call.answered(503)), expected("503"));
        assert_eq!(ended(|call| call.failed(Failure::Timeout)), expected("timeout"));
        assert_eq!(ended(|call| call.failed(Failure::Unreachable)), expected("unreachable"));
        assert_eq!(ended(|call| call.failed(Failure::Broken)), expected("broken"));
    }

    #[test]
    fn a_call_whose_caller_went_away_is_cancelled() {
        assert_eq!(ended(drop), expected("cancelled"));
    }
}
