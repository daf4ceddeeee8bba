//! Spans on their way to a collector: a receiver that speaks OTLP over gRPC takes what the minimal example sends.

#![allow(clippy::unwrap_used)]

use belfry_test_support::otlp::{Collector, Span, StatusCode, any_value};
use belfry_test_support::stub::hanging;
use serde_json::{Map, Value, json};

use crate::service::{PATIENCE, Service};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn ask_with_trace(service: &Service) -> String {
    service.send(&format!(
        "GET /greet/en HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n\r\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_a_span_of_the_callers_trace() {
    let (collector, url) = Collector::start().await;
    let instance = ("APP__INSTANCE", "greeter-1");
    let service = Service::start(&[("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", &url), instance]);
    assert!(ask_with_trace(&service).ends_with("Hello"));
    collector.await_spans_within(1, PATIENCE).await;
    let taken = collector.taken();
    let resource = format!("{:?}", taken[0].resource);
    assert!(resource.contains("service.name") && resource.contains("greeter"), "{resource}");
    assert!(resource.contains("service.instance.id") && resource.contains("greeter-1"), "{resource}");
    let span = &taken[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "GET /greet/{language}");
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    service.await_line(r#"telemetry_spans_total{stage="ended"} 1"#);
    service.await_line(r#"telemetry_spans_total{stage="exported"} 1"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_no_span_is_sent() {
    let (collector, url) = Collector::start().await;
    let service = Service::start(&[("TRACING__ENDPOINT", &url)]);
    assert!(ask_with_trace(&service).ends_with("Hello"));
    service.await_line(r#"http_requests_total{method="GET",endpoint="/greet/{language}",status="200"} 1"#);
    service.await_line(r#"telemetry_spans_total{stage="ended"} 0"#);
    assert!(collector.taken().is_empty());
}

#[test]
fn without_a_collector_the_loss_of_spans_is_counted() {
    let service = Service::start(&[("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", "http://127.0.0.1:9")]);
    assert!(ask_with_trace(&service).ends_with("Hello"));
    service.await_line(r#"telemetry_spans_total{stage="failed"} 1"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_5xx_is_an_error_of_its_span_and_no_other_is() {
    let (collector, url) = Collector::start().await;
    // Spans are no log lines: they do not depend on the level of those.
    let variables = [("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", &*url), ("LOG__LEVEL", "error")];
    let mut service = Service::start_example("shapes", &variables);
    assert!(service.ask("GET", "/panic").starts_with("HTTP/1.1 500"));
    assert!(service.ask("GET", "/nowhere").starts_with("HTTP/1.1 404"));
    assert!(service.ask("GET", "/empty").starts_with("HTTP/1.1 204"));
    service.stop();
    for span in collector.await_spans_within(3, PATIENCE).await {
        let code = span.status.as_ref().map_or(StatusCode::Unset, |status| status.code());
        let expected = if span.name == "GET /panic" { StatusCode::Error } else { StatusCode::Unset };
        assert_eq!(code, expected, "{}", span.name);
    }
}

/// The attributes of a span, each as JSON of its own type.
fn attributes(span: &Span) -> Map<String, Value> {
    let attributes = span.attributes.iter().map(|attribute| {
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()).unwrap() {
            any_value::Value::StringValue(text) => json!(text),
            any_value::Value::IntValue(number) => json!(number),
            other => panic!("{}: {other:?}", attribute.key),
        };
        (attribute.key.clone(), value)
    });
    attributes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_has_the_names_and_types_of_the_http_conventions() {
    let (collector, url) = Collector::start().await;
    let mut service = Service::start_example("shapes", &[("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", &url)]);
    let long = format!("/{}", "x".repeat(5_000));
    for (method, path) in [("GET", "/panic"), ("GET", "/empty"), ("HEAD", "/nowhere/7"), ("BREW", &long)] {
        service.ask(method, path);
    }
    service.stop();
    let spans = collector.await_spans_within(4, PATIENCE).await;
    let of = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:?}"));
        let mut attributes = attributes(span);
        assert_eq!(attributes.remove("request_id").unwrap().as_str().unwrap().len(), 36, "{name}");
        assert_eq!(attributes.remove("trace_id"), Some(json!(hex(&span.trace_id))), "{name}");
        // How long it ran and waited, of the layer itself.
        attributes.retain(|key, _| !key.ends_with("_ns") && !key.starts_with("code.") && key != "target");
        Value::Object(attributes)
    };
    assert_eq!(
        of("GET /panic"),
        json!({"http.request.method": "GET", "http.route": "/panic", "url.path": "/panic",
            "http.response.status_code": 500, "error.type": "500"})
    );
    assert_eq!(
        of("GET /empty"),
        json!({"http.request.method": "GET", "http.route": "/empty", "url.path": "/empty",
            "http.response.status_code": 204})
    );
    // No route has matched, so there is none to name.
    assert_eq!(
        of("HEAD"),
        json!({"http.request.method": "HEAD", "url.path": "/nowhere/7", "http.response.status_code": 404})
    );
    assert_eq!(
        of("HTTP"),
        json!({"http.request.method": "_OTHER", "http.request.method_original": "BREW", "url.path": &long[..1024],
            "http.response.status_code": 404})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_span_before_the_end_arrives() {
    let (collector, url) = Collector::start().await;
    let mut service = Service::start(&[("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", &url)]);
    assert!(ask_with_trace(&service).ends_with("Hello"));
    // Long before a batch is due.
    assert!(service.stop().success());
    assert_eq!(collector.spans().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_the_queue_cannot_hold_are_dropped_and_counted() {
    let (_silent, url) = hanging().await;
    let variables = [("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", &*url), ("TRACING__QUEUE", "2")];
    let service = Service::start(&variables);
    (0..10).for_each(|_| drop(ask_with_trace(&service)));
    let stage = |stage: &str| service.value(&format!("telemetry_spans_total{{stage=\"{stage}\"}}")).unwrap();
    let (ended, dropped) = (stage("ended"), stage("dropped"));
    assert!(ended >= 10.0 && dropped >= 1.0, "{dropped} of {ended} were dropped");
    // What is nowhere else still waits, and no more than the queue holds.
    let waiting = stage("ended") - stage("exported") - stage("failed") - stage("dropped");
    assert!((0.0..=3.0).contains(&waiting), "{waiting}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
