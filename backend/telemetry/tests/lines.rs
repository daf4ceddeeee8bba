//! The lines that a service writes for a request, at each level that can be set.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use belfry_test_support::eventually_blocking;

use crate::service::{PATIENCE, Service};

#[test]
fn a_line_that_is_not_hidden_has_the_id_of_its_request() {
    for level in ["info", "warn", "error", "error,shapes=info", "belfry_telemetry=error"] {
        let folder = tempfile::tempdir().unwrap();
        let variables = [("LOG__DIR", folder.path().to_str().unwrap()), ("LOG__LEVEL", level)];
        let service = Service::start_example("shapes", &variables);
        service.send("GET /panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: r-17\r\n\r\n");
        let line = line_with(folder.path(), "handler panicked");
        assert!(line.contains(r#""request_id":"r-17""#), "{level}: {line}");
    }
}

#[test]
fn a_line_of_a_traced_request_has_the_trace_of_its_caller() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let variables = [
        ("LOG__DIR", folder.path().to_str().unwrap()),
        ("TRACING__ENABLED", "true"),
        ("TRACING__ENDPOINT", "http://127.0.0.1:9"),
    ];
    let service = Service::start_example("shapes", &variables);
    let traced = format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n");
    service.send(&format!("GET /panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{traced}\r\n"));
    let line = line_with(folder.path(), "handler panicked");
    let span = &serde_json::from_str::<serde_json::Value>(&line).unwrap()["span"];
    let request = [("http.request.method", "GET"), ("http.route", "/panic"), ("otel.name", "GET /panic")];
    for (field, value) in [("trace_id", TRACE)].into_iter().chain(request) {
        assert_eq!(span[field], value, "{field} in {line}");
    }
    assert_eq!(span["request_id"].as_str().map(str::len), Some(36), "{line}");
    // A path may name what belongs to a user.
    assert!(span["url.path"].is_null(), "{line}");
}

/// The line of the only log file in this folder that has these words.
fn line_with(folder: &Path, words: &str) -> String {
    eventually_blocking(&format!("a line has: {words}"), PATIENCE, || {
        let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let lines = std::fs::read_to_string(file).unwrap();
        lines.lines().find(|line| line.contains(words)).map(str::to_owned).ok_or(lines)
    })
}
