//! One trivial handler, bare and under several kinds of instrumentation, each with the recorder that belongs to it.
//!
//! A process has one recorder, so each variant needs a process of its own.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use belfry_telemetry::catalogue::LATENCY_SECONDS;
use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, settings};
use metrics_exporter_prometheus::PrometheusBuilder;

/// Each with what it is, for the table.
pub const VARIANTS: [(&str, &str); 8] = [
    ("bare", "bare axum"),
    ("any-layer", "a layer that does nothing, which axum boxes as any other"),
    ("layer-off", "Belfry's layer, monitoring off"),
    ("layer", "Belfry's layer: count, duration, both sizes, in progress"),
    ("observe-off", "Telemetry::observe, monitoring off: id, span, panics"),
    ("observe", "Telemetry::observe: the layer, id, span, panics"),
    ("per-call", "labels made for each request: count, duration, in progress"),
    ("axum-prometheus", "axum-prometheus: count, duration, in progress"),
];

pub fn bare() -> Router<()> {
    Router::new().route("/hello/{name}", get(async || "hello"))
}

/// The handler under this instrumentation, whose recorder is installed for the process. Needs a Tokio runtime.
pub fn router(variant: &str) -> Router<()> {
    match variant {
        "bare" => bare(),
        "any-layer" => bare().layer(tower::layer::layer_fn(|inner| inner)),
        "layer-off" => with_telemetry(false, |telemetry| bare().layer(telemetry.layer())),
        "layer" => with_telemetry(true, |telemetry| bare().layer(telemetry.layer())),
        "observe-off" => with_telemetry(false, |telemetry| telemetry.observe(bare())),
        "observe" => with_telemetry(true, |telemetry| telemetry.observe(bare())),
        "per-call" => {
            install_exporter();
            bare().layer(middleware::from_fn(per_call))
        }
        "axum-prometheus" => {
            install_exporter();
            bare().layer(axum_prometheus::PrometheusMetricLayerBuilder::new().with_prefix("axum").build())
        }
        other => panic!("{other}: expected one of {:?}", VARIANTS.map(|(name, _)| name)),
    }
}

/// Adds telemetry with the default settings but for the switch. A process has it on or off.
fn with_telemetry(on: bool, add: impl FnOnce(&Telemetry) -> Router<()>) -> Router<()> {
    // For as long as the process lives.
    static STARTED: Mutex<Option<Telemetry>> = Mutex::new(None);
    add(STARTED.lock().unwrap().get_or_insert_with(|| {
        let variables = [("PROMETHEUS__ENABLED".to_owned(), on.to_string())];
        let settings: TelemetrySettings = settings::read(variables).unwrap();
        let identity =
            Identity { service: "bench", version: "0", environment: "bench".to_owned(), instance: "bench".to_owned() };
        Telemetry::start(&identity, &settings, &[]).unwrap()
    }))
}

/// The recorder that the peers are made for, set up as its documentation says: with buckets, and drained now and then.
fn install_exporter() {
    let recorder = PrometheusBuilder::new().set_buckets(LATENCY_SECONDS).unwrap().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(5));
            handle.run_upkeep();
        }
    });
}

/// What a first version in most services looks like: labels made for each request.
async fn per_call(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().to_string();
    let route =
        request.extensions().get::<MatchedPath>().map_or("unmatched".to_owned(), |path| path.as_str().to_owned());
    metrics::gauge!("naive_in_progress", "method" => method.clone(), "endpoint" => route.clone()).increment(1.0);
    let response = next.run(request).await;
    metrics::gauge!("naive_in_progress", "method" => method.clone(), "endpoint" => route.clone()).decrement(1.0);
    let status = response.status().as_u16().to_string();
    metrics::counter!("naive_requests_total", "method" => method.clone(), "endpoint" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("naive_duration_seconds", "method" => method, "endpoint" => route)
        .record(started.elapsed().as_secs_f64());
    response
}
