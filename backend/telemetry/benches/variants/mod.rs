//! One trivial handler, bare and under three kinds of instrumentation.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use belfry_telemetry::Telemetry;

pub fn bare() -> Router<()> {
    Router::new().route("/hello/{name}", get(async || "hello"))
}

pub fn router(variant: &str, telemetry: &Telemetry) -> Router<()> {
    match variant {
        "bare" => bare(),
        "belfry" => bare().layer(telemetry.layer()),
        "per-call macros" => bare().layer(middleware::from_fn(naive)),
        "axum-prometheus" => {
            bare().layer(axum_prometheus::PrometheusMetricLayerBuilder::new().with_prefix("axum").build())
        }
        other => panic!("{other}: expected bare, belfry, per-call macros or axum-prometheus"),
    }
}

/// What a first version in most services looks like: labels made for each request.
async fn naive(request: Request, next: Next) -> Response {
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
