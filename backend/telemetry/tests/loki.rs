//! Log events on their way to Loki: a receiver takes what the minimal example pushes, and the account adds up.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::service::{PATIENCE, Service};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;

/// Answers pushes with a status that a test can change, and keeps what it took.
#[derive(Clone)]
struct Loki {
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<String>>>,
    headers: Arc<Mutex<HeaderMap>>,
}

impl Loki {
    async fn start(status: u16) -> (Self, String) {
        let loki = Self { status: Arc::new(AtomicU16::new(status)), taken: Arc::default(), headers: Arc::default() };
        let router = Router::new().route("/loki/api/v1/push", post(push)).with_state(loki.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (loki, url)
    }

    /// The languages that were greeted, in the order of the lines.
    fn greeted(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn push(State(loki): State<Loki>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    let status = StatusCode::from_u16(loki.status.load(Ordering::SeqCst)).unwrap();
    if status == StatusCode::REQUEST_TIMEOUT {
        std::future::pending::<()>().await;
    }
    *loki.headers.lock().unwrap() = headers;
    if status.is_success() {
        for stream in body["streams"].as_array().unwrap() {
            assert_eq!(stream["stream"]["service"], "greeter");
            for entry in stream["values"].as_array().unwrap() {
                let line: Value = serde_json::from_str(entry[1].as_str().unwrap()).unwrap();
                loki.taken.lock().unwrap().extend(line["language"].as_str().map(str::to_owned));
            }
        }
    }
    status
}

fn start(url: &str, further: &[(&str, &str)]) -> Service {
    let settings = [&[("LOKI__ENABLED", "true"), ("LOKI__URL", url)], further].concat();
    Service::start(&settings)
}

fn greet(service: &Service, count: usize) -> Vec<String> {
    let languages: Vec<String> = (0..count).map(|number| format!("l{number}")).collect();
    for language in &languages {
        service.ask("GET", &format!("/greet/{language}"));
    }
    languages
}

fn stage(service: &Service, stage: &str) -> f64 {
    service.value(&format!("telemetry_loki_events_total{{stage=\"{stage}\"}}")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_once_and_in_order_and_is_accounted_for() {
    let (loki, url) = Loki::start(204).await;
    let service = start(&url, &[("LOKI__BEARER_TOKEN", "s3cret"), ("LOKI__TENANT", "north")]);
    let expected = greet(&service, 50);
    service.await_line(r#"telemetry_loki_events_total{stage="sent"} 50"#);
    assert_eq!(loki.greeted(), expected);
    assert_eq!(stage(&service, "emitted"), 50.0);
    for nothing in ["retried", "refused", "dropped"] {
        assert_eq!(stage(&service, nothing), 0.0, "{nothing}");
    }
    let headers = loki.headers.lock().unwrap().clone();
    assert_eq!(
        (&headers["authorization"], &headers["x-scope-orgid"]),
        (&"Bearer s3cret".parse().unwrap(), &"north".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_emitted_while_loki_is_away_arrives_when_it_is_back() {
    for away in [503, 429, 401] {
        let (loki, url) = Loki::start(away).await;
        let service = start(&url, &[]);
        let expected = greet(&service, 20);
        let started = Instant::now();
        while stage(&service, "retried") < 20.0 {
            assert!(started.elapsed() < PATIENCE, "{away}: nothing was tried again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(loki.greeted().is_empty());
        loki.status.store(204, Ordering::SeqCst);
        service.await_line(r#"telemetry_loki_events_total{stage="sent"} 20"#);
        assert_eq!(loki.greeted(), expected, "{away}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_loki_refuses_for_good_is_counted_and_stops_nothing() {
    let (loki, url) = Loki::start(400).await;
    let service = start(&url, &[]);
    greet(&service, 3);
    service.await_line(r#"telemetry_loki_events_total{stage="refused"} 3"#);
    loki.status.store(204, Ordering::SeqCst);
    service.ask("GET", "/greet/later");
    service.await_line(r#"telemetry_loki_events_total{stage="sent"} 1"#);
    assert_eq!(loki.greeted(), ["later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loki_that_never_answers_delays_nothing_and_all_counts() {
    let (_, url) = Loki::start(StatusCode::REQUEST_TIMEOUT.as_u16()).await;
    let service = start(&url, &[("LOKI__QUEUE", "5")]);
    // The first batch is on its way for ever, and the queue holds five more.
    let started = Instant::now();
    while stage(&service, "dropped") < 1.0 {
        assert!(started.elapsed() < PATIENCE, "nothing was dropped, and nothing arrived");
        greet(&service, 5);
    }
    assert_eq!(stage(&service, "sent"), 0.0);
    assert!(service.ask("GET", "/livez").ends_with("ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_before_the_end_arrives() {
    let (loki, url) = Loki::start(204).await;
    let mut service = start(&url, &[]);
    let expected = greet(&service, 3);
    // Long before a batch is due.
    assert!(service.stop().success());
    assert_eq!(loki.greeted(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loki_that_is_away_holds_the_end_up_for_a_moment_only() {
    let (_, url) = Loki::start(StatusCode::REQUEST_TIMEOUT.as_u16()).await;
    let mut service = start(&url, &[]);
    greet(&service, 3);
    let started = Instant::now();
    assert!(service.stop().success());
    // Three seconds are what it may wait; the rest is for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
