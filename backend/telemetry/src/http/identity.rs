//! What every request gets besides measurement: an id, and a span that carries it and continues the caller's trace.
//!
//! Most requests write no line, so the span's fields are kept as plain values. `logs/lines.rs` has them formatted once there
//! is a line to write. Layers of others see the span's fields as those of any span.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use tracing::field::{Empty, Value, display};
use tracing::span::{Attributes, Record};
use tracing::{Metadata, Span};

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
            ("method", &display(&self.method)),
            ("route", &self.route),
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

/// The name of the span in OpenTelemetry's conventions for HTTP.
struct SpanName<'i>(&'i RequestIdentity);

impl fmt::Display for SpanName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.0.method, self.0.route)
    }
}

/// The method as spans and log lines show it: a client may invent one of any length.
fn shown_method(method: &Method) -> Method {
    const LONGEST: usize = 32;
    if method.as_str().len() <= LONGEST {
        return method.clone();
    }
    // The word that the label has for it.
    Method::from_bytes(b"OTHER").unwrap_or_default()
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
    /// Gives a request of this route its id and its span.
    pub(super) fn new(request: &Request, route: &'static str) -> Self {
        let identity = Arc::new(RequestIdentity {
            id: RequestId::choose(request.headers()),
            method: shown_method(request.method()),
            route,
            trace_id: OnceLock::new(),
            status: AtomicU16::new(0),
            formatted: Mutex::new(None),
        });
        let span = new_span(&identity);
        let identified = Self { identity, span };
        if traces::may_be_on() {
            identified.continue_trace(request.headers());
        }
        identified
    }

    fn continue_trace(&self, headers: &HeaderMap) {
        traces::continue_trace(&self.span, headers);
        if let Some(trace_id) = traces::trace_id(&self.span) {
            // Nobody else sets it.
            let _ = self.identity.trace_id.set(trace_id);
            self.record("trace_id", trace_id.to_string());
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
            self.record("http.response.status_code", status);
            if is_server_error(status) {
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
        method = %identity.method,
        route = identity.route,
        trace_id = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    );
    // Still there when no layer keeps it.
    NEW.take();
    span
}
