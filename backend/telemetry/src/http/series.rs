//! The handles of each (method, route), kept after their first use, and the guard that moves them for one request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::http::{Method, StatusCode};
use hashbrown::{Equivalent, HashMap};

use super::UNMATCHED;
use super::options::HttpOptions;
use crate::catalogue::{
    HTTP_REQUEST_DURATION_SECONDS, HTTP_REQUEST_SIZE_BYTES, HTTP_REQUESTS_IN_PROGRESS, HTTP_REQUESTS_TOTAL,
    HTTP_RESPONSE_SIZE_BYTES, METHODS,
};
use crate::page;

/// The status under which a client that left early is counted; the number is nginx's.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Status codes run from 100 to 999 (RFC 9110, section 15): nine classes of a hundred codes.
const CLASSES: usize = 9;
const CODES: usize = 100;

/// Which routes have been seen. Read by every request without a lock, replaced when a new route is met.
pub(super) struct Routes {
    options: HttpOptions,
    series: ArcSwap<HashMap<RouteKey, &'static RouteSeries>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
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
    measured: bool,
    group_status_codes: bool,
    in_progress: Option<metrics::Gauge>,
    duration: metrics::Histogram,
    // Of the request and of the response.
    sizes: Option<(metrics::Histogram, metrics::Histogram)>,
    by_status: [OnceLock<ByCode>; CLASSES],
}

/// The counters of one class of status codes.
type ByCode = Box<[OnceLock<metrics::Counter>; CODES]>;

impl Routes {
    pub(super) fn new(options: HttpOptions) -> Self {
        Self { options, series: ArcSwap::default() }
    }

    /// Begins the measurement of a request; `None` when it is not to be measured. Without a route it is `unmatched`.
    pub(super) fn depart(&self, method: &Method, route: Option<&str>) -> Option<Flight> {
        let query = RouteQuery { method: method_label(method), route: route.unwrap_or(UNMATCHED) };
        let known = self.series.load().get(&query).copied();
        let series = known.unwrap_or_else(|| self.add(&query, route.is_none()));
        if !series.measured {
            return None;
        }
        if let Some(in_progress) = &series.in_progress {
            in_progress.increment(1.0);
        }
        Some(Flight {
            series,
            started: Instant::now(),
            status: CLIENT_CLOSED_REQUEST,
            answered_status: CLIENT_CLOSED_REQUEST,
            endless: false,
            sent: 0,
            received: None,
        })
    }

    fn add(&self, query: &RouteQuery<'_>, unmatched: bool) -> &'static RouteSeries {
        // A route is a template of the router, of which there are finitely many, and its series live as long as the
        // process; counting who still uses them would cost each request more than all else here.
        let series: &'static RouteSeries = Box::leak(Box::new(RouteSeries::new(query, &self.options, unmatched)));
        self.series.rcu(|known| {
            let mut known = HashMap::clone(known);
            let key = RouteKey { method: query.method, route: query.route.into() };
            known.entry(key).or_insert(series);
            known
        });
        // Another request may have been first; then its entry is the one that is kept.
        self.series.load().get(query).copied().unwrap_or(series)
    }
}

impl RouteSeries {
    fn new(query: &RouteQuery<'_>, options: &HttpOptions, unmatched: bool) -> Self {
        let labels = [query.method, query.route];
        let ignored = unmatched && options.ignore_unmatched;
        let measured = !ignored
            && query.route != page::PATH
            && !options.excluded_routes.as_ref().is_some_and(|excluded| excluded.is_match(query.route));
        Self {
            method: query.method,
            route: query.route.into(),
            measured,
            group_status_codes: options.group_status_codes,
            in_progress: (measured && options.in_progress).then(|| {
                if options.in_progress_labels {
                    HTTP_REQUESTS_IN_PROGRESS.with(labels)
                } else {
                    HTTP_REQUESTS_IN_PROGRESS.without_labels()
                }
            }),
            // A handle registers its series, and what is not measured must not be on the page.
            duration: if measured { HTTP_REQUEST_DURATION_SECONDS.with(labels) } else { metrics::Histogram::noop() },
            sizes: (measured && options.sizes)
                .then(|| (HTTP_REQUEST_SIZE_BYTES.with(labels), HTTP_RESPONSE_SIZE_BYTES.with(labels))),
            by_status: [const { OnceLock::new() }; CLASSES],
        }
    }

    /// Counts one request that ended with this status.
    fn count(&self, status: u16) {
        let status = usize::from(status);
        let class = (status / CODES).clamp(1, CLASSES);
        let codes = self.by_status[class - 1].get_or_init(|| Box::new([const { OnceLock::new() }; CODES]));
        codes[status % CODES].get_or_init(|| self.counter(status)).increment(1);
    }

    fn counter(&self, status: usize) -> metrics::Counter {
        let status = if self.group_status_codes { format!("{}xx", status / 100) } else { status.to_string() };
        HTTP_REQUESTS_TOTAL.with([self.method, &self.route, &status])
    }
}

/// The method as its label shows it.
fn method_label(method: &Method) -> &'static str {
    METHODS.iter().find(|known| **known == method.as_str()).copied().unwrap_or("OTHER")
}

/// One request under way. It is counted when dropped: as a client that left, unless something better was noted before.
pub(super) struct Flight {
    series: &'static RouteSeries,
    started: Instant,
    status: u16,
    answered_status: u16,
    endless: bool,
    sent: u64,
    /// Bytes of the request's body that were read; none when there is no body, or sizes are not measured.
    pub(super) received: Option<Arc<AtomicU64>>,
}

impl Flight {
    /// The answer's head is known; until the answer ends, leaving still counts as leaving.
    pub(super) fn answered(&mut self, status: StatusCode, endless: bool) {
        self.endless = endless;
        // An event stream ends when its client goes: that is its normal end.
        self.status = if endless { status.as_u16() } else { CLIENT_CLOSED_REQUEST };
        self.answered_status = status.as_u16();
    }

    pub(super) fn measures_sizes(&self) -> bool {
        self.series.sizes.is_some()
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
        let series = self.series;
        if let Some(in_progress) = &series.in_progress {
            in_progress.decrement(1.0);
        }
        if let Some((request_size, response_size)) = &series.sizes {
            let received = self.received.as_ref().map_or(0, |received| received.load(Ordering::Relaxed));
            request_size.record(received as f64);
            response_size.record(self.sent as f64);
        }
        if !self.endless {
            series.duration.record(self.started.elapsed().as_secs_f64());
        }
        series.count(self.status);
    }
}
