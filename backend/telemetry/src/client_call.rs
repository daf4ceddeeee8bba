//! Calls to other services: a guard that counts and times one call and passes the trace on.
//!
//! It works with any HTTP client: [`ClientCall::begin`] before the request is sent, [`ClientCall::headers`] into it, and
//! [`ClientCall::answered`] or [`ClientCall::failed`] once the response has been read.
//!
//! ```
//! use belfry_telemetry::client_call::{ClientCall, Failure};
//!
//! fn end(call: ClientCall, answer: Result<u16, std::io::Error>) {
//!     match answer {
//!         Ok(status) => call.answered(status),
//!         Err(error) if error.kind() == std::io::ErrorKind::TimedOut => call.failed(Failure::Timeout),
//!         Err(_) => call.failed(Failure::Broken),
//!     }
//! }
//! end(ClientCall::begin("shop", "/v1/orders"), Ok(200));
//! ```

use std::time::Instant;

use crate::catalogue::{EXTERNAL_API_DURATION_SECONDS, EXTERNAL_API_REQUESTS_TOTAL};
use crate::metric::HttpStatus;

/// Why a call got no answer: the `status` label where there is no HTTP status.
pub use crate::catalogue::CallFailure as Failure;

/// A guard of one call. Dropped before its end it is counted as `cancelled`: its caller went away, or panicked.
///
/// ```
/// use belfry_telemetry::client_call::ClientCall;
/// use belfry_telemetry::testing::changed_series;
///
/// let series = changed_series(|| {
///     let call = ClientCall::begin("payments", "/v1/charges");
///     let mut request = axum::http::Request::post("http://payments/v1/charges");
///     for (name, value) in call.headers() {
///         request = request.header(name, value);
///     }
///     // Here the request is sent and its response read.
///     call.answered(201);
/// });
/// let counted = r#"external_api_requests_total{service="payments",endpoint="/v1/charges",status="201"} 1"#;
/// assert!(series.iter().any(|line| line == counted));
/// ```
pub struct ClientCall {
    service: &'static str,
    endpoint: &'static str,
    started: Instant,
    ended: bool,
}

impl ClientCall {
    /// Begins a call. `service` names the service that is called, `endpoint` the operation: a name or a template such as
    /// `/v1/models`, never an address, an id or a token.
    pub fn begin(service: &'static str, endpoint: &'static str) -> Self {
        Self { service, endpoint, started: Instant::now(), ended: false }
    }

    /// The current trace as W3C headers for the request; empty when nothing is traced.
    pub fn headers(&self) -> Vec<(String, String)> {
        crate::traces::trace_headers()
    }

    /// It was answered, with this HTTP status.
    pub fn answered(mut self, status: u16) {
        self.end(Ok(status.into()));
    }

    /// It was not answered.
    pub fn failed(mut self, failure: Failure) {
        self.end(Err(failure));
    }

    fn end(&mut self, status: Result<HttpStatus, Failure>) {
        self.ended = true;
        EXTERNAL_API_REQUESTS_TOTAL.with((self.service, self.endpoint, status)).increment(1);
        EXTERNAL_API_DURATION_SECONDS.with(self.service).record(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for ClientCall {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Err(Failure::Cancelled));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::changed_series;

    /// What `ending` moves, with the duration left out.
    fn series_of(ending: impl FnOnce(ClientCall)) -> Vec<String> {
        let series = changed_series(|| ending(ClientCall::begin("shop", "/orders")));
        let timed = |line: String| match line.split_once("} ") {
            Some((name, _)) if name.contains("_seconds") => format!("{name}}} ?"),
            _ => line,
        };
        series.into_iter().map(timed).collect()
    }

    fn expected(status: &str) -> [String; 2] {
        [
            r#"external_api_duration_seconds{service="shop"} ?"#.to_owned(),
            format!(r#"external_api_requests_total{{service="shop",endpoint="/orders",status="{status}"}} 1"#),
        ]
    }

    #[test]
    fn each_ending_counts_once_with_its_status_and_nothing_else() {
        assert_eq!(series_of(|call| call.answered(200)), expected("200"));
        assert_eq!(series_of(|call| call.answered(503)), expected("503"));
        assert_eq!(series_of(|call| call.failed(Failure::Timeout)), expected("timeout"));
        assert_eq!(series_of(|call| call.failed(Failure::Unreachable)), expected("unreachable"));
        assert_eq!(series_of(|call| call.failed(Failure::Broken)), expected("broken"));
    }

    #[test]
    fn a_call_whose_caller_went_away_is_cancelled() {
        assert_eq!(series_of(drop), expected("cancelled"));
    }
}
