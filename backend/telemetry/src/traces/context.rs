//! The W3C trace context, as headers of requests that come in and go out.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, HeaderName};
use opentelemetry::Context;
pub(crate) use opentelemetry::TraceId;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::registry::SpanIds;

// Whether spans may reach a layer for OpenTelemetry, which can be one of the service's own.
static MAY_BE_ON: AtomicBool = AtomicBool::new(true);

/// Spares requests the search for such a layer: there is none, nor any other layer than those of this crate.
pub(crate) fn set_off() {
    MAY_BE_ON.store(false, Ordering::Relaxed);
}

/// Whether spans may reach layers that are not only about lines.
pub(crate) fn may_be_on() -> bool {
    MAY_BE_ON.load(Ordering::Relaxed)
}

/// Makes `span` a child of the trace that the headers name, if they name one.
pub(crate) fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let context = TraceContextPropagator::new().extract(&IncomingHeaders(headers));
    if context.span().span_context().is_valid() {
        // Refused only when no span is recorded, and then there is nothing to continue.
        let _ = span.set_parent(context);
    }
}

/// The id of the trace that `span` belongs to.
pub(crate) fn trace_id(span: &tracing::Span) -> Option<TraceId> {
    let context = span.context();
    let id = context.span().span_context().trace_id();
    (id != TraceId::INVALID).then_some(id)
}

/// The ids of the span that the calling thread is in, if it is sampled: the trace behind a histogram's sample.
pub(crate) fn sampled_span() -> Option<SpanIds> {
    // Entering a span makes its context the thread's, so no subscriber has to be asked.
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        let sampled = ids.is_sampled() && ids.is_valid();
        sampled.then(|| SpanIds { trace_id: ids.trace_id().to_bytes(), span_id: ids.span_id().to_bytes() })
    })
}

/// The current span as W3C headers, for a call to another service or a child process; empty when nothing is traced.
///
/// [`ClientCall::headers`](crate::client_call::ClientCall::headers) is the same for a call that is also counted.
///
/// ```
/// let mut child = std::process::Command::new("resize-images");
/// for (name, value) in belfry_telemetry::traces::trace_headers() {
///     child.env(name.to_uppercase(), value);
/// }
/// ```
pub fn trace_headers() -> Vec<(String, String)> {
    let mut headers = OutgoingHeaders(Vec::new());
    TraceContextPropagator::new().inject_context(&tracing::Span::current().context(), &mut headers);
    headers.0.retain(|(_, value)| !value.is_empty());
    headers.0
}

struct IncomingHeaders<'h>(&'h HeaderMap);

impl Extractor for IncomingHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct OutgoingHeaders(Vec<(String, String)>);

impl Injector for OutgoingHeaders {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}
