//! The handles of each (method, route), kept after their first use, and the guard that moves them for one request.

use std::sync::{Arc, OnceLock, RwLock};
use std::time::Instant;

use axum::http::{Method, StatusCode};
use hashbrown::{Equivalent, HashMap};

use super::body::Received;
use crate::catalogue::{
    HTTP_REQUEST_DURATION_SECONDS, HTTP_REQUEST_SIZE_BYTES, HTTP_REQUESTS_IN_PROGRESS, HTTP_REQUESTS_TOTAL,
    HTTP_RESPONSE_SIZE_BYTES, METHODS,
};
use crate::metric;

/// The status under which a client that left early is counted; the number is nginx's.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Status codes run from 100 to 999 (RFC 9110, section 15).
const LOWEST_STATUS: u16 = 100;
const STATUSES: usize = 900;

/// Which routes have been seen.
pub(super) struct Routes {
    excluded: Vec<String>,
    series: RwLock<HashMap<RouteKey, Arc<RouteSeries>>>,
}

#[derive(PartialEq, Eq, Hash)]
struct RouteKey {
    method: &'static str,
    route: Box<str>,
}

#[derive(Hash)]
struct RouteQuery<'r> {
    method: &'static str,
    route: &'r str,
}

impl Equivalent<RouteKey> for RouteQuery<'_> {
    fn equivalent(&self, key: &RouteKey) -> bool {
        self.method == key.method && *self.route == *key.route
    }
}

/// The handles of one method of one route.
pub(super) struct RouteSeries {
    method: &'static str,
    route: Box<str>,
    in_progress: metrics::Gauge,
    duration: metrics::Histogram,
    request_size: metrics::Histogram,
    response_size: metrics::Histogram,
    by_status: Box<[OnceLock<metrics::Counter>]>,
}

impl Routes {
    pub(super) fn excluding(templates: &[&str]) -> Self {
        let excluded = templates.iter().map(|template| (*template).to_owned()).collect();
        Self { excluded, series: RwLock::default() }
    }

    /// Begins the measurement of a request; `None` when it is not to be measured.
    pub(super) fn depart(&self, method: &Method, route: &str) -> Option<Flight> {
        if !metric::is_on() || self.excluded.iter().any(|excluded| excluded == route) {
            return None;
        }
        let query = RouteQuery { method: method_label(method), route };
        let read = self.series.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = read.get(&query).cloned();
        drop(read);
        let series = known.unwrap_or_else(|| self.add(&query));
        series.in_progress.increment(1.0);
        Some(Flight {
            series,
            started: Instant::now(),
            status: CLIENT_CLOSED_REQUEST,
            answered_status: CLIENT_CLOSED_REQUEST,
            endless: false,
            sent: 0,
            received: Received::Declared(0),
        })
    }

    fn add(&self, query: &RouteQuery<'_>) -> Arc<RouteSeries> {
        let mut write = self.series.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(series) = write.get(query) {
            return series.clone();
        }
        let labels = [query.method, query.route];
        let series = Arc::new(RouteSeries {
            method: query.method,
            route: query.route.into(),
            in_progress: HTTP_REQUESTS_IN_PROGRESS.with(labels),
            duration: HTTP_REQUEST_DURATION_SECONDS.with(labels),
            request_size: HTTP_REQUEST_SIZE_BYTES.with(labels),
            response_size: HTTP_RESPONSE_SIZE_BYTES.with(labels),
            by_status: (0..STATUSES).map(|_| OnceLock::new()).collect(),
        });
        write.insert(RouteKey { method: query.method, route: query.route.into() }, series.clone());
        series
    }
}

/// The method as its label shows it.
fn method_label(method: &Method) -> &'static str {
    METHODS.iter().find(|known| **known == method.as_str()).copied().unwrap_or("OTHER")
}

/// One request under way. It is counted when dropped: as a client that left, unless something better was noted before.
pub(super) struct Flight {
    series: Arc<RouteSeries>,
    started: Instant,
    status: u16,
    answered_status: u16,
    endless: bool,
    sent: u64,
    pub(super) received: Received,
}

impl Flight {
    /// The answer's head is known; until the answer ends, leaving still counts as leaving.
    pub(super) fn answered(&mut self, status: StatusCode, endless: bool) {
        self.endless = endless;
        // An event stream ends when its client goes: that is its normal end.
        self.status = if endless { status.as_u16() } else { CLIENT_CLOSED_REQUEST };
        self.answered_status = status.as_u16();
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent
    }

    /// The answer went out whole.
    pub(super) fn finished(&mut self) {
        self.status = self.answered_status;
    }

    /// The answer could not be completed by us.
    pub(super) fn broke(&mut self) {
        self.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.broke();
        }
        let series = &self.series;
        series.in_progress.decrement(1.0);
        series.request_size.record(self.received.bytes() as f64);
        series.response_size.record(self.sent as f64);
        if !self.endless {
            series.duration.record(self.started.elapsed().as_secs_f64());
        }
        let slot = usize::from(self.status.saturating_sub(LOWEST_STATUS)).min(STATUSES - 1);
        let counter = series.by_status[slot]
            .get_or_init(|| HTTP_REQUESTS_TOTAL.with([series.method, &series.route, &self.status.to_string()]));
        counter.increment(1);
    }
}
