//! Events of the viewer's queries. Pages cause them at will, many at a time, so their log lines are of level `debug`; that a source
//! is away is also told by its health check.

use std::time::Instant;

use axum::http::StatusCode;

use crate::catalogue::VIEWER_QUERIES_TOTAL;
use crate::error::Error;
use crate::labels::{QueryOutcome, QuerySource};

/// One query of a page. Dropped before its end is known, as when its client goes away, it counts as `cancelled`.
pub struct ViewerQuery {
    source: QuerySource,
    started: Instant,
    ended: bool,
}

impl ViewerQuery {
    /// Begins when it is known which source is asked.
    pub fn begin(source: QuerySource) -> Self {
        Self { source, started: Instant::now(), ended: false }
    }

    /// The source's answer is passed on, with this status of the source.
    pub fn answered(mut self, status: StatusCode) {
        let outcome = if status.is_success() { QueryOutcome::Answered } else { QueryOutcome::RefusedBySource };
        self.end(outcome, "");
    }

    /// The query was ended by an error, which is also the response.
    pub fn ended_by(mut self, error: &Error) {
        self.end(outcome(error), error.code());
    }

    fn end(&mut self, outcome: QueryOutcome, code: &str) {
        self.ended = true;
        VIEWER_QUERIES_TOTAL.with((self.source, outcome)).increment(1);
        let (source, outcome): (&str, &str) = (self.source.into(), outcome.into());
        let elapsed_seconds = self.started.elapsed().as_secs_f64();
        tracing::debug!(source, outcome, code, elapsed_seconds, "viewer query ended");
    }
}

impl Drop for ViewerQuery {
    fn drop(&mut self) {
        if !self.ended {
            self.end(QueryOutcome::Cancelled, "");
        }
    }
}

fn outcome(error: &Error) -> QueryOutcome {
    match error.code() {
        "query_busy" => QueryOutcome::Busy,
        "query_timeout" => QueryOutcome::Timeout,
        "query_source_unreachable" => QueryOutcome::Unreachable,
        "query_answer_too_large" => QueryOutcome::TooLarge,
        "query_answer_invalid" => QueryOutcome::Invalid,
        "query_refused" => QueryOutcome::RefusedBySource,
        _ => QueryOutcome::Refused,
    }
}
