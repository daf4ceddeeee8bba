//! What measuring a request costs: a trivial handler called in process, bare and under several kinds of instrumentation, on
//! one thread and on two at once; and what one emit costs.
//!
//! `cargo bench -p belfry-telemetry --bench request`. Each variant is measured in a process of its own, with the recorder that
//! belongs to it, and next to the bare handler in that process: on a shared machine compare the two of one process only.

#![allow(missing_docs, clippy::disallowed_macros, clippy::unwrap_used)]

mod variants;

use std::hint::black_box;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use belfry_telemetry::catalogue::{LOG_EVENTS_TOTAL, LogLevel};
use criterion::Criterion;
use http_body_util::BodyExt;
use tower::Service;
use variants::{VARIANTS, bare};

/// Names the variant to a process that measures one.
const VARIANT: &str = "BELFRY_REQUEST_BENCH";

fn main() {
    match std::env::var(VARIANT) {
        Ok(variant) => {
            let mut criterion = Criterion::default().configure_from_args();
            measure(&mut criterion, &variant);
            criterion.final_summary();
        }
        Err(_) => VARIANTS.iter().for_each(|(variant, what)| {
            println!("\n{variant}: {what}");
            // With cargo's and criterion's arguments.
            let mut command = Command::new(std::env::current_exe().unwrap());
            let status = command.args(std::env::args_os().skip(1)).env(VARIANT, variant).status().unwrap();
            assert!(status.success(), "{variant}");
        }),
    }
}

fn measure(criterion: &mut Criterion, variant: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let router = runtime.block_on(async { variants::router(variant) });
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("request, {variant}, {threads} threads"));
        group.bench_function("bare", |bencher| bencher.iter_custom(|rounds| on_threads(threads, rounds, &bare())));
        if variant != "bare" {
            group.bench_function(variant, |bencher| bencher.iter_custom(|rounds| on_threads(threads, rounds, &router)));
        }
    }
    let state = match variant {
        "layer" => "on",
        "layer-off" => "off",
        _ => return,
    };
    let mut group = criterion.benchmark_group(format!("emit, monitoring {state}"));
    group.bench_function("looked up", |bencher| bencher.iter(|| LOG_EVENTS_TOTAL.with(LogLevel::Info).increment(1)));
    let kept = LOG_EVENTS_TOTAL.with(LogLevel::Info);
    group.bench_function("handle kept", |bencher| bencher.iter(|| kept.increment(1)));
}

async fn call(router: &mut Router<()>) {
    let request = Request::get("/hello/world").body(Body::empty()).unwrap();
    let response = Service::call(router, request).await.unwrap();
    black_box(response.into_body().collect().await.unwrap());
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
