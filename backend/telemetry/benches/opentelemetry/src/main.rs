//! The tower layer of OpenTelemetry, asked like `examples/variants.rs`: `VARIANT=otel-metrics REQUESTS=1000`. Metrics go to a
//! provider that reads them once a minute, as exporters do, and sends them nowhere; there are no traces.

#[path = "../../count/mod.rs"]
mod count;

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use opentelemetry::global;
use opentelemetry_instrumentation_tower::http::server::LayerBuilder;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

fn main() {
    let requests = std::env::var("REQUESTS").unwrap_or_default().parse().expect("REQUESTS is a number");
    let provider = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(Nowhere).build()).build();
    global::set_meter_provider(provider);
    let bare = Router::new().route("/hello/{name}", get(async || "hello"));
    let router = match std::env::var("VARIANT").as_deref() {
        Ok("bare") => bare,
        Ok("otel-metrics") => bare.layer(LayerBuilder::builder().with_tracing(false).build().expect("valid options")),
        other => panic!("{other:?}: expected bare or otel-metrics"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    count::count(&runtime, router, requests);
}

struct Nowhere;

impl PushMetricExporter for Nowhere {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
