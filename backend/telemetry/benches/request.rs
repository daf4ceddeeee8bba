//! What measuring a request costs: a trivial handler called in process, bare and under three kinds of instrumentation,
//! on one thread and on two at once.
//!
//! `cargo bench -p belfry-telemetry --bench request`. On a shared machine compare medians within one run only.

#![allow(missing_docs, clippy::disallowed_macros, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use belfry_telemetry::Telemetry;
use belfry_telemetry::catalogue::LOG_EVENTS_TOTAL;
use belfry_telemetry::http::{HttpLayer, HttpOptions};
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::BodyExt;
use tower::Service;

fn bare() -> Router<()> {
    Router::new().route("/hello/{name}", get(async || "hello"))
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
    metrics::histogram!("http_request_duration_seconds", "method" => method, "endpoint" => route)
        .record(started.elapsed().as_secs_f64());
    response
}

async fn call(router: &mut Router<()>) {
    let request = Request::get("/hello/world").body(Body::empty()).unwrap();
    let response = Service::call(router, request).await.unwrap();
    black_box(response.into_body().collect().await.unwrap());
}

/// The time one request takes when `threads` threads make requests at once.
fn measure(criterion: &mut Criterion, name: &str, router: &Router<()>) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("request, {threads} threads"));
        group.bench_function(name, |bencher| bencher.iter_custom(|rounds| on_threads(threads, rounds, router)));
    }
}

/// The slowest thread's time for `rounds` requests, all threads having begun together.
fn on_threads(threads: usize, rounds: u64, router: &Router<()>) -> Duration {
    let together = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut router = router.clone();
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    together.wait();
                    runtime.block_on(async {
                        let started = Instant::now();
                        for _ in 0..rounds {
                            call(&mut router).await;
                        }
                        started.elapsed()
                    })
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

fn requests(criterion: &mut Criterion) {
    // Off first: the recorder cannot be taken out again.
    let off = HttpLayer::new(HttpOptions::default());
    measure(criterion, "bare", &bare());
    measure(criterion, "belfry, monitoring off", &bare().layer(off));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let telemetry = runtime.block_on(async { Telemetry::from_env("bench", "0", &[]).unwrap() });
    measure(criterion, "bare, again", &bare());
    measure(criterion, "belfry", &bare().layer(telemetry.layer()));
    measure(criterion, "per-call macros", &bare().layer(middleware::from_fn(naive)));
    let axum_prometheus = axum_prometheus::PrometheusMetricLayerBuilder::new().with_prefix("axum").build();
    measure(criterion, "axum-prometheus", &bare().layer(axum_prometheus));
}

fn emits(criterion: &mut Criterion) {
    // The recorder is installed by now.
    criterion
        .bench_function("emit, looked up", |bencher| bencher.iter(|| LOG_EVENTS_TOTAL.with(["info"]).increment(1)));
    let kept = LOG_EVENTS_TOTAL.with(["info"]);
    criterion.bench_function("emit, handle kept", |bencher| bencher.iter(|| kept.increment(1)));
}

fn emits_off(criterion: &mut Criterion) {
    criterion.bench_function("emit, monitoring off", |bencher| {
        bencher.iter(|| LOG_EVENTS_TOTAL.with(["info"]).increment(1))
    });
}

criterion_group!(benches, emits_off, requests, emits);
criterion_main!(benches);
