//! Spans to an OTLP collector over gRPC, behind `TRACING__ENABLED`, with W3C trace context in and out.
//!
//! Sources: OTLP 1.x and the W3C Trace Context recommendation, both through the OpenTelemetry crates.

use std::time::Duration;

use clap::{ArgAction, Args};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use url::Url;

use crate::Identity;
use crate::catalogue::TELEMETRY_SPANS_TOTAL;
use crate::settings::{self, SettingsError};

/// Traces to an OTLP collector.
#[derive(Args, Clone, Debug)]
pub struct TracingSettings {
    /// Whether spans are sent to an OTLP collector, such as Tempo.
    #[arg(id = "TRACING__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The collector's OTLP/gRPC address; plain http.
    #[arg(id = "TRACING__ENDPOINT", default_value = "http://127.0.0.1:4317", value_parser = settings::http_url)]
    pub endpoint: Url,
    /// Share of traces that begin here and are kept, from 0 to 1. A caller's own decision is followed.
    #[arg(id = "TRACING__SAMPLE_RATIO", default_value = "1", value_parser = ratio)]
    pub sample_ratio: f64,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "a number from 0 to 1".to_owned())
}

/// How long one batch may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The pipeline from spans to the collector.
#[derive(Clone)]
pub(crate) struct Traces(SdkTracerProvider);

impl TracingSettings {
    /// Connects lazily: a collector that is not there yet does not hold up the start. Needs a Tokio runtime.
    pub(crate) fn connect(&self, identity: &Identity) -> Result<Traces, SettingsError> {
        let exporter = OtlpExporter::builder()
            .with_tonic()
            .with_endpoint(self.endpoint.as_str())
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|error| SettingsError {
                variable: "TRACING__ENDPOINT".to_owned(),
                found: format!("`{}` ({error})", self.endpoint),
                expected: "a URL such as http://tempo:4317".to_owned(),
            })?;
        let resource = Resource::builder()
            .with_service_name(identity.service)
            .with_attribute(KeyValue::new("service.version", identity.version))
            .with_attribute(KeyValue::new("deployment.environment.name", identity.environment.clone()))
            .build();
        let batches = BatchSpanProcessor::builder(CountedExporter(exporter)).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(CountedProcessor(batches))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sample_ratio))))
            .with_resource(resource)
            .build();
        Ok(Traces(provider))
    }
}

impl Traces {
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("belfry-telemetry")
    }

    /// Sends what is pending, for at most `grace`. Returns whether all of it got through. Blocks.
    pub(crate) fn flush(&self, grace: Duration) -> bool {
        self.0.shutdown_with_timeout(grace).is_ok()
    }
}

/// Counts what the collector took and what it did not.
#[derive(Debug)]
struct CountedExporter(OtlpExporter);

impl SpanExporter for CountedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let sent = self.0.export(batch).await;
        TELEMETRY_SPANS_TOTAL.with([if sent.is_ok() { "exported" } else { "failed" }]).increment(spans);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Counts what ended, so that spans dropped by a full queue show as the difference.
#[derive(Debug)]
struct CountedProcessor(BatchSpanProcessor);

impl SpanProcessor for CountedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            TELEMETRY_SPANS_TOTAL.with(["ended"]).increment(1);
        }
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Makes `span` a child of the trace that the headers name, if they name one.
pub(crate) fn continue_trace(span: &tracing::Span, headers: &axum::http::HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    if context.span().span_context().is_valid() {
        // Refused only when no span is recorded, and then there is nothing to continue.
        let _ = span.set_parent(context);
    }
}

/// The id of the trace that `span` belongs to, as 32 hexadecimal digits.
pub(crate) fn trace_id(span: &tracing::Span) -> Option<String> {
    let context = span.context();
    let id = context.span().span_context().trace_id();
    (id != opentelemetry::TraceId::INVALID).then(|| id.to_string())
}

/// The present span as W3C headers, for a call to another service or a child process; empty when nothing is traced.
pub fn outgoing_headers() -> Vec<(String, String)> {
    let mut headers = Outgoing(Vec::new());
    TraceContextPropagator::new().inject_context(&tracing::Span::current().context(), &mut headers);
    headers.0.retain(|(_, value)| !value.is_empty());
    headers.0
}

struct Headers<'h>(&'h axum::http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

struct Outgoing(Vec<(String, String)>);

impl Injector for Outgoing {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}
