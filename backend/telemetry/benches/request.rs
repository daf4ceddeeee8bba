//! What measuring a request costs: a trivial handler called in process, bare and under three kinds of instrumentation,
//! on one thread and on two at once.
//!
//! `cargo bench -p belfry-telemetry --bench request`. On a shared machine compare medians within one run only.

#![allow(missing_docs, clippy::disallowed_macros, clippy::unwrap_used)]

mod variants;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use belfry_telemetry::Telemetry;
use belfry_telemetry::catalogue::LOG_EVENTS_TOTAL;
use belfry_telemetry::http::{HttpLayer, HttpOptions};
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::BodyExt;
use tower::Service;
use variants::bare;

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
    for variant in ["belfry", "per-call macros", "axum-prometheus"] {
        measure(criterion, variant, &variants::router(variant, &telemetry));
    }
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
