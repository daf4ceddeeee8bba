//! Spans to an OTLP collector over gRPC, behind `TRACING__ENABLED`, with W3C trace context in and out.
//!
//! Compiled with the feature `otlp`; without it `off.rs` stands here.
//!
//! Sources: OTLP 1.x and the W3C Trace Context recommendation, both through the OpenTelemetry crates.

mod context;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter,
    SpanProcessor,
};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::catalogue::{SpanStage, TELEMETRY_SPANS_TOTAL};
use crate::identity::Identity;
use crate::settings::SettingsError;
pub use context::trace_headers;
pub(crate) use context::{TraceId, continue_trace, may_be_on, sampled_span, set_off, trace_id};
pub use settings::TracingSettings;

/// Makes spans of the collector from those of `tracing`.
pub(crate) type Tracer = SdkTracer;

/// The layer that gives spans to `tracer`.
pub(crate) fn layer<S: Subscriber + for<'l> LookupSpan<'l>>(tracer: Tracer) -> impl Layer<S> {
    tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false)
}

/// How long one batch may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Spans in one batch.
const BATCH_SPANS: usize = 512;

/// The pipeline from spans to the collector.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    queue: Arc<Queue>,
}

/// How many spans wait. The SDK drops what its own queue cannot hold without counting it, so that queue never gets full.
#[derive(Debug)]
struct Queue {
    waiting: AtomicUsize,
    max: usize,
}

impl TracingSettings {
    /// Connects lazily, on `runtime`: a collector that is not there yet does not hold up the start.
    pub(crate) fn connect(&self, identity: &Identity, runtime: &Handle) -> Result<Traces, SettingsError> {
        // The connection runs on the runtime it is made in.
        let _entered = runtime.enter();
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
            .with_attribute(KeyValue::new("service.instance.id", identity.instance.clone()))
            .with_attribute(KeyValue::new("deployment.environment.name", identity.environment.clone()))
            .build();
        let queue = Arc::new(Queue { waiting: AtomicUsize::new(0), max: self.queue });
        let batches = BatchConfigBuilder::default().with_max_queue_size(self.queue);
        let batches = batches.with_max_export_batch_size(BATCH_SPANS.min(self.queue)).build();
        let exporter = CountedExporter { exporter, queue: queue.clone() };
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(CountedProcessor { processor, queue: queue.clone() })
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sample_ratio))))
            .with_resource(resource)
            .build();
        Ok(Traces { provider, queue })
    }
}

impl Traces {
    pub(crate) fn tracer(&self) -> Tracer {
        self.provider.tracer("belfry-telemetry")
    }

    /// Sends what is pending, until `deadline` at most. Returns whether nothing waits any more. Blocks.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        let grace = deadline.saturating_duration_since(Instant::now());
        let ended = self.provider.shutdown_with_timeout(grace).is_ok();
        ended && self.queue.waiting.load(Ordering::Relaxed) == 0
    }
}

impl Queue {
    /// Takes a place for one more span; `false` when there is none.
    fn try_add(&self) -> bool {
        let more = |waiting| (waiting < self.max).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn remove(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }
}

/// Counts what the collector took and what it did not.
#[derive(Debug)]
struct CountedExporter {
    exporter: OtlpExporter,
    queue: Arc<Queue>,
}

impl SpanExporter for CountedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        let stage = if sent.is_ok() { SpanStage::Exported } else { SpanStage::Failed };
        TELEMETRY_SPANS_TOTAL.with(stage).increment(spans as u64);
        self.queue.remove(spans);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Counts what ended, and what was dropped because too many were waiting.
#[derive(Debug)]
struct CountedProcessor {
    processor: BatchSpanProcessor,
    queue: Arc<Queue>,
}

impl SpanProcessor for CountedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.processor.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        TELEMETRY_SPANS_TOTAL.with(SpanStage::Ended).increment(1);
        if self.queue.try_add() {
            self.processor.on_end(span);
        } else {
            TELEMETRY_SPANS_TOTAL.with(SpanStage::Dropped).increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}
