//! What a page of metrics costs to write, and what its series cost to keep, beside the exporter crate.
//!
//! `cargo bench -p belfry-telemetry --bench page`. Each line is a process of its own, so that its memory is its own.

#![allow(missing_docs, clippy::disallowed_macros, clippy::unwrap_used)]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use belfry_telemetry::Telemetry;
use belfry_telemetry::catalogue::LATENCY_SECONDS;
use http_body_util::BodyExt;
use metrics::Recorder;
use metrics_exporter_prometheus::formatting::write_metric_line;
use metrics_exporter_prometheus::{LabelSet, Matcher, PrometheusBuilder};
use tower::ServiceExt;

const ROUNDS: usize = 15;

/// Series of a page.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Series of one name; the cap of a metric that no catalogue has.
const PER_NAME: usize = 1_000;

/// As many samples as a busy histogram takes in a day.
const SAMPLES: usize = 50_000_000;

fn main() {
    match std::env::var("BELFRY_PAGE_BENCH") {
        Ok(line) => measure(&line),
        // Cargo's own arguments are of no use here.
        Err(_) => {
            println!(
                "{:<32}{:>10}{:>12}{:>14}{:>14}{:>16}",
                "", "series", "bytes", "render ms", "us a series", "resident MiB"
            );
            again("nothing 0");
            for whose in ["", "openmetrics-", "exporter-"] {
                for what in ["counters", "gauges", "histograms"] {
                    SIZES.iter().for_each(|size| again(&format!("{whose}{what} {size}")));
                }
            }
            again("lines 10000");
            again("samples 0");
            again("traced-samples 0");
            again("exporter-samples 0");
        }
    }
}

fn again(line: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if line.starts_with("traced") {
        // Nobody has to take the spans.
        command.env("TRACING__ENABLED", "true").env("TRACING__ENDPOINT", "http://127.0.0.1:9");
    }
    let status = command.env("BELFRY_PAGE_BENCH", line).status().unwrap();
    assert!(status.success());
}

fn measure(line: &str) {
    let (what, size) = line.split_once(' ').unwrap();
    let size: usize = size.parse().unwrap();
    if what == "lines" {
        return exporter_lines(size);
    }
    if let Some(what) = what.strip_prefix("exporter-") {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(Matcher::Prefix("bench".to_owned()), LATENCY_SECONDS).unwrap();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).unwrap();
        return match what {
            "samples" => samples("exporter, unscraped"),
            what => {
                fill(what, size);
                handle.run_upkeep();
                report(&format!("exporter, {what}"), size, || black_box(handle.render()).len());
            }
        };
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let telemetry = runtime.block_on(async { Telemetry::from_env("bench", "0", &[]).unwrap() });
    let page: Router = telemetry.routes();
    match what {
        "samples" => samples("belfry, unscraped"),
        "traced-samples" => tracing::error_span!("bench").in_scope(|| samples("belfry, in a span")),
        what => {
            let (accept, what) = match what.strip_prefix("openmetrics-") {
                Some(what) => ("application/openmetrics-text", what),
                None => ("text/plain", what),
            };
            fill(what, size);
            report(
                &format!("belfry, {}{what}", if accept == "text/plain" { "" } else { "OpenMetrics " }),
                size,
                || runtime.block_on(ask(&page, accept)),
            );
        }
    }
}

fn fill(what: &str, size: usize) {
    for series in 0..size {
        let labels = [
            metrics::Label::new("endpoint", format!("/things/{}", series % PER_NAME)),
            metrics::Label::new("method", "GET"),
        ];
        let key = metrics::Key::from_parts(format!("bench_{}", series / PER_NAME), labels.to_vec());
        let metadata = metrics::Metadata::new("bench", metrics::Level::INFO, None);
        metrics::with_recorder(|recorder: &dyn Recorder| match what {
            "counters" => recorder.register_counter(&key, &metadata).increment(series as u64),
            "gauges" => recorder.register_gauge(&key, &metadata).set(series as f64 * 1.1),
            "histograms" => recorder.register_histogram(&key, &metadata).record(series as f64 / 1e5),
            _ => unreachable!("{what}"),
        });
    }
}

/// What the lines of histograms cost by the exporter's public function, its sets of labels made beforehand.
fn exporter_lines(series: usize) {
    let labels = |series: usize| {
        let labels = [
            metrics::Label::new("endpoint", format!("/things/{}", series % PER_NAME)),
            metrics::Label::new("method", "GET"),
        ];
        LabelSet::from_key_and_global(&metrics::Key::from_parts("bench", labels.to_vec()), &Default::default())
    };
    let sets: Vec<LabelSet> = (0..series).map(labels).collect();
    report("exporter, lines alone", series, || {
        let mut page = String::new();
        for labels in &sets {
            for bound in LATENCY_SECONDS.iter().chain([&f64::INFINITY]) {
                write_metric_line(&mut page, "bench_0", Some("bucket"), labels, Some(("le", bound)), 1, None);
            }
            write_metric_line(&mut page, "bench_0", Some("sum"), labels, None::<(&str, &str)>, 0.5, None);
            write_metric_line(&mut page, "bench_0", Some("count"), labels, None::<(&str, &str)>, 1, None);
        }
        page.len()
    });
}

/// Reads a page as a connection does, piece by piece, and returns its length.
async fn ask(page: &Router, accept: &str) -> usize {
    let request = Request::get("/metrics").header("accept", accept).body(Body::empty()).unwrap();
    let mut body = page.clone().oneshot(request).await.unwrap().into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += black_box(frame.unwrap().into_data().unwrap()).len();
    }
    bytes
}

fn report(name: &str, series: usize, render: impl Fn() -> usize) {
    let mut bytes = 0;
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            bytes = render();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let median = times[ROUNDS / 2].as_secs_f64();
    let each = if series == 0 { String::new() } else { format!("{:.2}", median * 1e6 / series as f64) };
    println!("{name:<32}{series:>10}{bytes:>12}{:>14.2}{each:>14}{:>16.1}", median * 1e3, resident_mib());
}

fn samples(name: &str) {
    let before = resident_mib();
    let histogram = metrics::histogram!("bench_0");
    let started = Instant::now();
    for sample in 0..SAMPLES {
        histogram.record(sample as f64 / 1e7);
    }
    let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / SAMPLES as f64;
    println!(
        "{name:<32}{SAMPLES} samples: {nanoseconds:.1} ns each, resident {before:.1} MiB before, {:.1} after",
        resident_mib()
    );
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
