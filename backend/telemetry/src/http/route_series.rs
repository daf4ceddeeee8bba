//! The metric handles of each method of each route, cached after their first use.

use std::sync::OnceLock;

use arc_swap::ArcSwap;
use axum::http::Method;
use hashbrown::{Equivalent, HashMap};

use super::UNMATCHED;
use super::options::HttpOptions;
use crate::catalogue::{
    HTTP_REQUEST_DURATION_SECONDS, HTTP_REQUEST_SIZE_BYTES, HTTP_REQUESTS_IN_PROGRESS, HTTP_REQUESTS_TOTAL,
    HTTP_RESPONSE_SIZE_BYTES, RequestMethod,
};
use crate::exposition;
use crate::metric::HttpStatus;

/// Status codes run from 100 to 999 (RFC 9110, section 15): nine classes of a hundred codes.
const CLASSES: usize = 9;
const CODES: usize = 100;

/// The routes that have been requested. Read by every request without a lock, replaced when a new route is requested.
pub(super) struct Routes {
    options: HttpOptions,
    series: ArcSwap<HashMap<RouteKey, &'static RouteSeries>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct RouteKey {
    method: RequestMethod,
    route: Box<str>,
}

#[derive(Hash)]
struct RouteQuery<'r> {
    method: RequestMethod,
    route: &'r str,
}

impl Equivalent<RouteKey> for RouteQuery<'_> {
    fn equivalent(&self, key: &RouteKey) -> bool {
        self.method == key.method && *self.route == *key.route
    }
}

/// The handles of one method of one route.
pub(super) struct RouteSeries {
    method: RequestMethod,
    route: Box<str>,
    measured: bool,
    group_status_codes: bool,
    pub(super) in_progress: Option<metrics::Gauge>,
    pub(super) duration: metrics::Histogram,
    // Of the request and of the response.
    pub(super) sizes: Option<(metrics::Histogram, metrics::Histogram)>,
    by_status: [OnceLock<ByCode>; CLASSES],
}

/// The counters of one class of status codes.
type ByCode = Box<[OnceLock<metrics::Counter>; CODES]>;

impl Routes {
    pub(super) fn new(options: HttpOptions) -> Self {
        Self { options, series: ArcSwap::default() }
    }

    /// The series of a request; `None` when it is not to be measured. Without a route it is `unmatched`.
    pub(super) fn series(&self, method: &Method, route: Option<&str>) -> Option<&'static RouteSeries> {
        let query = RouteQuery { method: RequestMethod::from(method), route: route.unwrap_or(UNMATCHED) };
        let known = self.series.load().get(&query).copied();
        let series = known.unwrap_or_else(|| self.add(&query, route.is_none()));
        series.measured.then_some(series)
    }

    fn add(&self, query: &RouteQuery<'_>, unmatched: bool) -> &'static RouteSeries {
        // A route is a template of the router, of which there are finitely many, and its series live as long as the
        // process; a reference count would cost each request more than everything else here.
        let series: &'static RouteSeries = Box::leak(Box::new(RouteSeries::new(query, &self.options, unmatched)));
        self.series.rcu(|known| {
            let mut known = HashMap::clone(known);
            let key = RouteKey { method: query.method, route: query.route.into() };
            known.entry(key).or_insert(series);
            known
        });
        // Another request may have added it first; then its entry stays.
        self.series.load().get(query).copied().unwrap_or(series)
    }
}

impl RouteSeries {
    fn new(query: &RouteQuery<'_>, options: &HttpOptions, unmatched: bool) -> Self {
        let labels = (query.method, query.route);
        let ignored = unmatched && options.ignore_unmatched;
        let measured = !ignored
            && query.route != exposition::PATH
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
    pub(super) fn count(&self, status: u16) {
        let code = usize::from(status);
        let class = (code / CODES).clamp(1, CLASSES);
        let codes = self.by_status[class - 1].get_or_init(|| Box::new([const { OnceLock::new() }; CODES]));
        codes[code % CODES].get_or_init(|| self.counter(status)).increment(1);
    }

    fn counter(&self, status: u16) -> metrics::Counter {
        let status = match HttpStatus::from(status) {
            HttpStatus::Code(code) if self.group_status_codes => HttpStatus::Class(code),
            status => status,
        };
        HTTP_REQUESTS_TOTAL.with((self.method, &self.route, status))
    }
}
