//! The methods of the routes, each with its metric handles, cached after their first use.

use std::sync::OnceLock;

use arc_swap::ArcSwap;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use hashbrown::{Equivalent, HashMap};

use super::options::HttpOptions;
use super::{UNMATCHED, route};
use crate::catalogue::{
    HTTP_REQUEST_DURATION_SECONDS, HTTP_REQUEST_SIZE_BYTES, HTTP_REQUESTS_IN_PROGRESS, HTTP_REQUESTS_TOTAL,
    HTTP_RESPONSE_SIZE_BYTES, RequestMethod,
};
use crate::exposition;
use crate::metric::HttpStatus;

/// Status codes run from 100 to 999 (RFC 9110, section 15): nine classes of a hundred codes.
const CLASSES: usize = 9;
const CODES: usize = 100;

const NOT_FOUND: u16 = StatusCode::NOT_FOUND.as_u16();
const METHOD_NOT_ALLOWED: u16 = StatusCode::METHOD_NOT_ALLOWED.as_u16();

/// The routes that have been requested. Read by every request without a lock, replaced when a new route is requested.
pub(super) struct Routes {
    options: HttpOptions,
    known: ArcSwap<HashMap<RouteKey, &'static Route>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct RouteKey {
    method: RequestMethod,
    template: &'static str,
}

/// One method of one route.
pub(super) struct Route {
    method: RequestMethod,
    /// Its template, or `unmatched`.
    pub(super) template: &'static str,
    is_unmatched: bool,
    // None when it is not to be measured. Made when metrics are known to be on.
    series: OnceLock<Option<RouteSeries>>,
}

#[derive(Hash)]
struct RouteQuery<'r> {
    method: RequestMethod,
    template: &'r str,
}

impl Equivalent<RouteKey> for RouteQuery<'_> {
    fn equivalent(&self, key: &RouteKey) -> bool {
        self.method == key.method && self.template == key.template
    }
}

/// The handles of one method of one route.
pub(super) struct RouteSeries {
    method: RequestMethod,
    route: &'static str,
    is_unmatched: bool,
    group_status_codes: bool,
    pub(super) measures_sizes: bool,
    pub(super) in_progress: Option<metrics::Gauge>,
    // A handle registers its series, of which a histogram has many, and a client can send every method to every path. So they
    // are made when a request of this method was answered by the route, and not refused before it came to a handler.
    histograms: OnceLock<Histograms>,
    by_status: [OnceLock<ByCode>; CLASSES],
}

/// The histograms of one method of one route.
pub(super) struct Histograms {
    pub(super) duration: metrics::Histogram,
    // Of the request and of the response.
    pub(super) sizes: Option<(metrics::Histogram, metrics::Histogram)>,
}

/// The counters of one class of status codes.
type ByCode = Box<[OnceLock<metrics::Counter>; CODES]>;

impl Routes {
    pub(super) fn new(options: HttpOptions) -> Self {
        Self { options, known: ArcSwap::default() }
    }

    /// The route of a request.
    pub(super) fn find(&self, request: &mut Request) -> &'static Route {
        match request.extensions().get::<MatchedPath>() {
            // Nearly always.
            Some(template) => self.lookup(request.method(), Some(template.as_str())),
            None => {
                route::find_template(request);
                self.lookup(request.method(), route::matched_template(request.extensions()))
            }
        }
    }

    /// The series of a route; `None` when it is not to be measured.
    pub(super) fn series(&self, route: &'static Route) -> Option<&'static RouteSeries> {
        route.series.get_or_init(|| RouteSeries::new(route, &self.options)).as_ref()
    }

    fn lookup(&self, method: &Method, template: Option<&str>) -> &'static Route {
        let query = RouteQuery { method: RequestMethod::from(method), template: template.unwrap_or(UNMATCHED) };
        let known = self.known.load().get(&query).copied();
        known.unwrap_or_else(|| self.add(&query, template.is_none()))
    }

    fn add(&self, query: &RouteQuery<'_>, is_unmatched: bool) -> &'static Route {
        // A route is a template of the router, of which there are finitely many, and its series live as long as the
        // process; a reference count would cost each request more than everything else here.
        let template: &'static str = Box::leak(query.template.into());
        let route = Route { method: query.method, template, is_unmatched, series: OnceLock::new() };
        let route: &'static Route = Box::leak(Box::new(route));
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(RouteKey { method: route.method, template }).or_insert(route);
            known
        });
        // Another request may have added it first; then its entry stays.
        self.known.load().get(query).copied().unwrap_or(route)
    }
}

impl RouteSeries {
    fn new(route: &'static Route, options: &HttpOptions) -> Option<Self> {
        let labels = (route.method, route.template);
        let is_left_out = (route.is_unmatched && options.ignore_unmatched)
            || route.template == exposition::PATH
            || options.excluded_routes.as_ref().is_some_and(|excluded| excluded.is_match(route.template));
        // A handle registers its series, and what is not measured must not be on the page.
        (!is_left_out).then(|| Self {
            method: route.method,
            route: route.template,
            is_unmatched: route.is_unmatched,
            group_status_codes: options.group_status_codes,
            measures_sizes: options.sizes,
            in_progress: options.in_progress.then(|| {
                if options.in_progress_labels {
                    HTTP_REQUESTS_IN_PROGRESS.with(labels)
                } else {
                    HTTP_REQUESTS_IN_PROGRESS.without_labels()
                }
            }),
            histograms: OnceLock::new(),
            by_status: [const { OnceLock::new() }; CLASSES],
        })
    }

    /// The histograms for a request that was answered with this status. A method that the route does not have, or a path
    /// that no route has, is measured only if there are histograms already.
    pub(super) fn histograms(&self, response_status: u16) -> Option<&Histograms> {
        let is_refused = response_status == METHOD_NOT_ALLOWED || (self.is_unmatched && response_status == NOT_FOUND);
        if is_refused { self.histograms.get() } else { Some(self.histograms.get_or_init(|| self.make_histograms())) }
    }

    fn make_histograms(&self) -> Histograms {
        let labels = (self.method, self.route);
        let sizes = || (HTTP_REQUEST_SIZE_BYTES.with(labels), HTTP_RESPONSE_SIZE_BYTES.with(labels));
        Histograms { duration: HTTP_REQUEST_DURATION_SECONDS.with(labels), sizes: self.measures_sizes.then(sizes) }
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
        HTTP_REQUESTS_TOTAL.with((self.method, self.route, status))
    }
}
