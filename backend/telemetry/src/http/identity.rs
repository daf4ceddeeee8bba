//! What every request gets besides measurement: an id, and a span that carries it and continues the caller's trace.
//!
//! Most requests write no line, so the span's fields are kept as plain values. `logs/lines.rs` has them formatted once there
//! is a line to write. Layers of others see the span's fields as those of any span.
//!
//! Source of the names: OpenTelemetry's semantic conventions for HTTP spans, version 1.x (stable). The log lines have the same
//! ones, but for what a client can choose freely (`url.path`, an unknown method) and what the status says already.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::Request;
use axum::http::{Method, Response, StatusCode};
use tracing::field::{Empty, Value, display};
use tracing::span::{Attributes, Record};
use tracing::{Metadata, Span};

use super::UNMATCHED;
use super::options::Mask;
use super::request_id::{REQUEST_ID, RequestId};
use crate::traces::{self, TraceId};

tokio::task_local! {
    static CURRENT: Arc<RequestIdentity>;
}

thread_local! {
    // On its way to the layer that keeps it, while its span is made.
    static NEW: Cell<Option<Arc<RequestIdentity>>> = const { Cell::new(None) };
    // While the values of an identity are recorded on its span.
    static RECORDING: Cell<bool> = const { Cell::new(false) };
}

/// The id of the request that this task handles; empty outside of one.
///
/// ```
/// async fn handler() -> String {
///     format!("your request is {}", belfry_telemetry::http::current_request_id())
/// }
/// # let _ = handler;
/// ```
pub fn current_request_id() -> String {
    CURRENT.try_with(|identity| identity.id.to_string()).unwrap_or_default()
}

/// What the span of a request says about it.
pub(crate) struct RequestIdentity {
    id: RequestId,
    method: Method,
    route: &'static str,
    trace_id: OnceLock<TraceId>,
    /// 0 until the response's head is known.
    status: AtomicU16,
    /// The status with which the fields were formatted last.
    formatted: Mutex<Option<u16>>,
}

/// The fields of a request's span, for those who format them.
pub(crate) enum Fields<'f> {
    New(&'f Attributes<'f>),
    Changed(&'f Record<'f>),
}

impl RequestIdentity {
    /// The template of the route; none where no route has matched.
    fn matched_route(&self) -> Option<&'static str> {
        Some(self.route).filter(|route| *route != UNMATCHED)
    }

    /// The identity of the request whose span is being made, for the layer that keeps it.
    pub(crate) fn of_new_span(metadata: &Metadata<'_>) -> Option<Arc<Self>> {
        if metadata.target() == module_path!() { NEW.take() } else { None }
    }

    /// Whether what is being recorded on a span are values that its identity has already.
    pub(crate) fn is_recording() -> bool {
        RECORDING.get()
    }

    /// Hands over the fields that were not formatted yet, of the span with this metadata. Nobody else can write a line
    /// with the span meanwhile.
    pub(crate) fn format_fields(&self, metadata: &'static Metadata<'static>, format: impl FnOnce(Fields<'_>)) {
        let mut formatted = self.formatted.lock().unwrap_or_else(PoisonError::into_inner);
        let status = self.status.load(Ordering::Relaxed);
        if *formatted == Some(status) {
            return;
        }
        let name = SpanName(self).to_string();
        let trace_id = self.trace_id.get().map(TraceId::to_string);
        let error = is_server_error(status).then_some("ERROR");
        let status_code = (status != 0).then_some(status);
        let values: [(&str, &dyn Value); 8] = [
            ("otel.name", &name),
            ("otel.kind", &"server"),
            ("request_id", &display(&self.id)),
            ("http.request.method", &known_method(&self.method)),
            ("http.route", &self.matched_route()),
            ("trace_id", &trace_id),
            ("http.response.status_code", &status_code),
            ("otel.status_code", &error),
        ];
        let fields = metadata.fields();
        // The span has each of them.
        let Some(keys) = values.each_ref().map(|(name, _)| fields.field(*name)).into_iter().collect::<Option<Vec<_>>>()
        else {
            return;
        };
        let value = |position: usize| (&keys[position], Some(values[position].1));
        if formatted.is_none() {
            let all = std::array::from_fn::<_, 8, _>(value);
            format(Fields::New(&Attributes::new(metadata, &fields.value_set(&all))));
        } else {
            format(Fields::Changed(&Record::new(&fields.value_set(&[value(6), value(7)]))));
        }
        *formatted = Some(status);
    }
}

/// The name of the span in OpenTelemetry's conventions for HTTP: the method and the route, if there is one.
struct SpanName<'i>(&'i RequestIdentity);

impl fmt::Display for SpanName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match known_method(&self.0.method) {
            OTHER_METHOD => "HTTP",
            known => known,
        };
        match self.0.matched_route() {
            Some(route) => write!(formatter, "{method} {route}"),
            None => formatter.write_str(method),
        }
    }
}

/// What the conventions call each method that is none of the known ones, which a client can make up.
const OTHER_METHOD: &str = "_OTHER";

/// The most bytes of a path or an unknown method on a span: a queue of spans must not hold megabytes of them.
const MAX_TEXT_BYTES: usize = 1024;

fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => OTHER_METHOD,
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// By OpenTelemetry's conventions a 4xx response is no error of the server's span.
fn is_server_error(status: u16) -> bool {
    StatusCode::from_u16(status).is_ok_and(|status| status.is_server_error())
}

/// A request with its id and its span.
pub(super) struct Identified {
    identity: Arc<RequestIdentity>,
    span: Span,
}

impl Identified {
    /// Gives a request of this route its id and its span, with what is freely chosen by its client masked.
    pub(super) fn new(request: &Request, route: &'static str, mask: Option<Mask>) -> Self {
        let identity = Arc::new(RequestIdentity {
            id: RequestId::choose(request.headers()),
            method: request.method().clone(),
            route,
            trace_id: OnceLock::new(),
            status: AtomicU16::new(0),
            formatted: Mutex::new(None),
        });
        let span = new_span(&identity);
        let identified = Self { identity, span };
        if traces::may_be_on() {
            identified.continue_trace(request, mask);
        }
        identified
    }

    fn continue_trace(&self, request: &Request, mask: Option<Mask>) {
        traces::continue_trace(&self.span, request.headers());
        if let Some(trace_id) = traces::trace_id(&self.span) {
            // Nobody else sets it.
            let _ = self.identity.trace_id.set(trace_id);
            self.record("trace_id", trace_id.to_string());
            // Before it is shortened: half a secret is not recognised.
            let masked = |text| mask.map_or(Cow::Borrowed(text), |mask| mask(text));
            self.record("url.path", shortened(&masked(request.uri().path())));
            if known_method(request.method()) == OTHER_METHOD {
                self.record("http.request.method_original", shortened(&masked(request.method().as_str())));
            }
        }
    }

    /// Records a value of the identity on the span, for the layers of others and for the collector.
    fn record(&self, field: &str, value: impl Value) {
        RECORDING.set(true);
        self.span.record(field, value);
        RECORDING.set(false);
    }

    /// Runs `part` of the request's work, with the span as the current one.
    pub(super) fn scope<R>(&self, part: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self.identity.clone(), || self.span.in_scope(part))
    }

    /// The span, when it belongs to a trace.
    pub(super) fn traced_span(&self) -> Option<&Span> {
        self.identity.trace_id.get().map(|_| &self.span)
    }

    /// Gives the response the id, and the span the response's status.
    pub(super) fn respond<B>(&self, response: &mut Response<B>) {
        let status = response.status().as_u16();
        self.identity.status.store(status, Ordering::Relaxed);
        // Without traces the only layers are our own.
        if traces::may_be_on() {
            // Signed: the layer for OpenTelemetry makes text of other numbers.
            self.record("http.response.status_code", i64::from(status));
            if is_server_error(status) {
                self.record("error.type", response.status().as_str());
                self.record("otel.status_code", "ERROR");
            }
        }
        if let Some(id) = self.identity.id.header_value() {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
}

fn new_span(identity: &Arc<RequestIdentity>) -> Span {
    NEW.set(Some(identity.clone()));
    // At the highest level, so that lines have the request's id with LOG__LEVEL=error too. Nothing is formatted here, but by
    // layers that ask for it.
    let span = tracing::error_span!(
        "request",
        otel.name = %SpanName(identity),
        otel.kind = "server",
        request_id = %identity.id,
        http.request.method = known_method(&identity.method),
        http.request.method_original = Empty,
        http.route = identity.matched_route(),
        url.path = Empty,
        trace_id = Empty,
        http.response.status_code = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    // Still there when no layer keeps it.
    NEW.take();
    span
}
