//! Log events on their way to Loki, by either sender: a receiver takes what the minimal example pushes, and the account adds up.

#![allow(clippy::unwrap_used)]

use std::process::Output;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use belfry_test_support::loki::Receiver;
use belfry_test_support::{eventually, eventually_blocking};

use crate::service::{PATIENCE, Service, command};

/// The languages that were greeted, in the order of the lines.
fn greeted(loki: &Receiver) -> Vec<String> {
    let lines = loki.lines();
    for (stream, _) in &lines {
        assert_eq!(stream["service"], "greeter");
    }
    lines.iter().filter_map(|(_, line)| line["language"].as_str().map(str::to_owned)).collect()
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
    let (loki, url) = Receiver::start().await;
    let variables = [("LOKI__BEARER_TOKEN", "s3cret"), ("LOKI__TENANT", "north"), ("APP__INSTANCE", "g-1")];
    let service = start(&url, &variables);
    let expected = greet(&service, 50);
    service.await_line(r#"telemetry_loki_events_total{stage="sent"} 50"#);
    assert_eq!(greeted(&loki), expected);
    let labels =
        serde_json::json!({"service": "greeter", "environment": "production", "instance": "g-1", "level": "info"});
    assert_eq!(loki.lines().remove(0).0, labels);
    assert_eq!(stage(&service, "emitted"), 50.0);
    for nothing in ["retried", "refused", "dropped"] {
        assert_eq!(stage(&service, nothing), 0.0, "{nothing}");
    }
    let headers = loki.headers();
    assert_eq!(
        (&headers["authorization"], &headers["x-scope-orgid"]),
        (&"Bearer s3cret".parse().unwrap(), &"north".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_emitted_while_loki_is_away_arrives_when_it_is_back() {
    for away in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED] {
        let (loki, url) = Receiver::start_with(away).await;
        let service = start(&url, &[]);
        let expected = greet(&service, 20);
        let retried = async || stage(&service, "retried") >= 20.0;
        eventually(&format!("{away}: all is tried again"), PATIENCE, retried).await;
        assert!(greeted(&loki).is_empty());
        loki.answer_with(StatusCode::NO_CONTENT);
        service.await_line(r#"telemetry_loki_events_total{stage="sent"} 20"#);
        assert_eq!(greeted(&loki), expected, "{away}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_loki_refuses_for_good_is_counted_and_stops_nothing() {
    let (loki, url) = Receiver::start_with(StatusCode::BAD_REQUEST).await;
    let service = start(&url, &[]);
    greet(&service, 3);
    service.await_line(r#"telemetry_loki_events_total{stage="refused"} 3"#);
    loki.answer_with(StatusCode::NO_CONTENT);
    service.ask("GET", "/greet/later");
    service.await_line(r#"telemetry_loki_events_total{stage="sent"} 1"#);
    assert_eq!(greeted(&loki), ["later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_lines_that_loki_refused_count_as_refused() {
    let (loki, url) = Receiver::start().await;
    loki.refuse_lines_with(r#""language":"l3""#);
    let service = start(&url, &[]);
    let mut expected = greet(&service, 10);
    expected.remove(3);
    service.await_line(r#"telemetry_loki_events_total{stage="sent"} 9"#);
    assert_eq!(stage(&service, "refused"), 1.0);
    assert_eq!(greeted(&loki), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_lines_of_several_streams_are_counted_each() {
    let (loki, url) = Receiver::start().await;
    // Both levels have refused lines and others.
    loki.refuse_lines_with("r-odd");
    let service = Service::start_example("nested", &[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]);
    for number in 0..6 {
        let id = if number % 2 == 1 { "r-odd" } else { "r-even" };
        let ask = |method: &str, path: &str| {
            service.send(&format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {id}\r\n\r\n"
            ));
        };
        // A line of level error, and one of level info.
        ask("GET", "/api/v1/panic");
        ask("POST", "/api/v1/books/dune/loans");
    }
    // However many batches they were sent in.
    service.await_line(r#"telemetry_loki_events_total{stage="sent"} 6"#);
    service.await_line(r#"telemetry_loki_events_total{stage="refused"} 6"#);
    let lines = loki.lines();
    assert!(lines.iter().all(|(_, line)| line["request_id"] == "r-even"), "{lines:?}");
    for level in ["error", "info"] {
        let of_level = lines.iter().filter(|(stream, _)| stream["level"] == level).count();
        assert_eq!(of_level, 3, "{level}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loki_that_never_answers_delays_nothing_and_all_counts() {
    let (_, url) = Receiver::start_with(StatusCode::REQUEST_TIMEOUT).await;
    let service = start(&url, &[("LOKI__QUEUE", "5")]);
    // The first batch is on its way for ever, and the queue holds five more.
    eventually_blocking("something is dropped", PATIENCE, || {
        let dropped = stage(&service, "dropped");
        if dropped < 1.0 {
            greet(&service, 5);
        }
        dropped >= 1.0
    });
    assert_eq!(stage(&service, "sent"), 0.0);
    assert!(service.ask("GET", "/livez").ends_with("ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_before_the_end_arrives() {
    let (loki, url) = Receiver::start().await;
    let mut service = start(&url, &[]);
    let expected = greet(&service, 3);
    // Long before a batch is due.
    assert!(service.stop().success());
    assert_eq!(greeted(&loki), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loki_that_is_away_holds_the_end_up_for_a_moment_only() {
    let (_, url) = Receiver::start_with(StatusCode::REQUEST_TIMEOUT).await;
    let mut service = start(&url, &[]);
    greet(&service, 3);
    let started = Instant::now();
    assert!(service.stop().success());
    // Three seconds are what it may wait; the rest is for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

const DIRECT: (&str, &str) = ("LOKI__DELIVERY", "direct");

#[tokio::test(flavor = "multi_thread")]
async fn direct_every_event_arrives_with_its_labels_and_headers() {
    let (loki, url) = Receiver::start().await;
    let [lab, instance] = [("APP__ENVIRONMENT", "lab"), ("APP__INSTANCE", "g-1")];
    let further = [DIRECT, ("LOKI__BEARER_TOKEN", "s3cret"), ("LOKI__TENANT", "north"), lab, instance];
    let service = start(&url, &further);
    let expected = greet(&service, 50);
    eventually("all arrive", PATIENCE, async || greeted(&loki).len() == 50).await;
    assert_eq!(greeted(&loki), expected);
    let labels = serde_json::json!({"service": "greeter", "environment": "lab", "instance": "g-1", "level": "info"});
    let (stream, line) = loki.lines().remove(0);
    assert_eq!((stream, &line["message"]), (labels, &"greeted".into()));
    // Of the request's span.
    assert!(line["request_id"].is_string(), "{line}");
    let headers = loki.headers();
    let names = ["authorization", "x-scope-orgid", "content-type", "content-encoding"];
    let values = names.map(|name| headers[name].to_str().unwrap());
    assert_eq!(values, ["Bearer s3cret", "north", "application/x-protobuf", "snappy"]);
    assert_eq!(stage(&service, "emitted"), 50.0);
    for unknown in ["sent", "retried", "refused", "dropped"] {
        assert_eq!(stage(&service, unknown), 0.0, "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_what_is_emitted_while_loki_is_away_arrives_later() {
    let (loki, url) = Receiver::start_with(StatusCode::SERVICE_UNAVAILABLE).await;
    let service = start(&url, &[DIRECT]);
    let expected = greet(&service, 20);
    // It reports each failure, as an event of its own.
    eventually("a push has failed", PATIENCE, async || stage(&service, "emitted") > 20.0).await;
    loki.answer_with(StatusCode::NO_CONTENT);
    eventually("all arrive", PATIENCE, async || greeted(&loki).len() == 20).await;
    assert_eq!(greeted(&loki), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_the_last_line_before_the_end_arrives() {
    let (loki, url) = Receiver::start().await;
    let mut service = start(&url, &[DIRECT]);
    let expected = greet(&service, 3);
    assert!(service.stop().success());
    assert_eq!(greeted(&loki), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_a_silent_loki_holds_the_end_up_for_a_moment_only() {
    let (_, url) = Receiver::start_with(StatusCode::REQUEST_TIMEOUT).await;
    let mut service = start(&url, &[DIRECT]);
    greet(&service, 3);
    let started = Instant::now();
    assert!(service.stop().success());
    let elapsed = started.elapsed();
    // It waits for its three seconds, and no longer.
    assert!(elapsed > Duration::from_secs(2) && elapsed < Duration::from_secs(15), "{elapsed:?}");
}

fn refusal(variables: &[(&str, &str)]) -> String {
    let enabled = ("LOKI__ENABLED", "true");
    let Output { status, stderr, .. } =
        command("minimal").env(enabled.0, enabled.1).envs(variables.iter().copied()).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_delivery_that_cannot_work_is_refused_in_one_line() {
    const TENANT: &str = "expected up to 150 letters, digits and ! - _ . * ' ( )";
    let longest = "n".repeat(151);
    let cases: [(&[(&str, &str)], String); 7] = [
        (&[("LOKI__DELIVERY", "smoke")], "LOKI__DELIVERY: found `smoke`, expected buffered, direct".to_owned()),
        (
            &[DIRECT, ("LOKI__URL", "https://loki:3100")],
            "LOKI__URL: found https with LOKI__DELIVERY=direct, which has no TLS, expected an http URL, or LOKI__DELIVERY=buffered".to_owned(),
        ),
        (&[DIRECT, ("LOKI__TENANT", "two\nlines")], format!("LOKI__TENANT: found `two\\nlines`, {TENANT}")),
        (&[("LOKI__TENANT", "two\nlines")], format!("LOKI__TENANT: found `two\\nlines`, {TENANT}")),
        (&[("LOKI__TENANT", "..")], format!("LOKI__TENANT: found `..`, {TENANT}")),
        (&[("LOKI__TENANT", &*longest)], format!("LOKI__TENANT: found `{}…`, {TENANT}", &longest[..60])),
        (
            &[("LOKI__BEARER_TOKEN", "two words")],
            "LOKI__BEARER_TOKEN: found a value that is not shown, expected visible ASCII characters without spaces, 4096 at most".to_owned(),
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(refusal(variables), format!("Error: {expected}\n"));
    }
}
