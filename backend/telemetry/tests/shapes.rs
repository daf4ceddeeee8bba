//! Every shape of answer, measured: nested routes, streams, disconnects, event streams, panics, ids. From outside, over HTTP.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::service::Service;

fn shapes() -> Service {
    Service::start_example("shapes", &[])
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// Reads until the answer's head and something of its body are there.
fn read_some(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let size = stream.read(&mut piece).unwrap();
        assert!(size > 0, "the answer ended: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..size]);
        let text = String::from_utf8_lossy(&seen);
        if text.split_once("\r\n\r\n").is_some_and(|(_, body)| !body.is_empty()) {
            return text.into_owned();
        }
    }
}

#[test]
fn a_nested_route_shows_its_whole_template() {
    let service = shapes();
    assert!(service.ask("GET", "/api/v7/things/42").ends_with("a thing"));
    service.await_line(r#"http_requests_total{method="GET",endpoint="/api/{version}/things/{id}",status="200"} 1"#);
    service.ask("GET", "/api/v7/nothing");
    service.await_line(r#"http_requests_total{method="GET",endpoint="unmatched",status="404"} 1"#);
}

#[test]
fn a_streamed_answer_is_measured_to_its_end() {
    let service = shapes();
    service.ask("GET", "/stream/4/60");
    let labels = r#"{method="GET",endpoint="/stream/{pieces}/{pause_ms}"}"#;
    service.await_line(&format!("http_response_size_bytes_sum{labels} 40"));
    // Four pauses, of which the head waits for none.
    let seconds = service.value(&format!("http_request_duration_seconds_sum{labels}")).unwrap();
    assert!(seconds >= 0.24, "{seconds}");
}

#[test]
fn a_client_that_leaves_mid_response_is_counted_as_499() {
    let service = shapes();
    let mut stream = service.begin(&get("/stream/1000/50"));
    read_some(&mut stream);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/stream/{pieces}/{pause_ms}"} 1"#);
    drop(stream);
    service.await_line(r#"http_requests_total{method="GET",endpoint="/stream/{pieces}/{pause_ms}",status="499"} 1"#);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/stream/{pieces}/{pause_ms}"} 0"#);
}

#[test]
fn a_client_that_leaves_before_the_answer_began_is_one_too() {
    let service = shapes();
    let stream = service.begin(&get("/slow"));
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/slow"} 1"#);
    drop(stream);
    service.await_line(r#"http_requests_total{method="GET",endpoint="/slow",status="499"} 1"#);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/slow"} 0"#);
}

#[test]
fn an_answer_that_breaks_is_our_error_whatever_its_head_said() {
    let service = shapes();
    service.ask("GET", "/broken");
    service.await_line(r#"http_requests_total{method="GET",endpoint="/broken",status="500"} 1"#);
}

#[test]
fn an_event_stream_is_counted_and_kept_out_of_the_latencies() {
    let service = shapes();
    let mut stream = service.begin(&get("/events"));
    assert!(read_some(&mut stream).contains("text/event-stream"));
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/events"} 1"#);
    drop(stream);
    // Its end is that its client goes.
    service.await_line(r#"http_requests_total{method="GET",endpoint="/events",status="200"} 1"#);
    service.await_line(r#"http_request_duration_seconds_count{method="GET",endpoint="/events"} 0"#);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/events"} 0"#);
}

#[test]
fn a_request_that_changes_the_protocol_ends_with_the_101() {
    let service = shapes();
    let mut stream = service.begin("GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    let mut say = |words: &str| {
        stream.write_all(words.as_bytes()).unwrap();
        let mut seen = Vec::new();
        let mut piece = [0; 1024];
        while !seen.ends_with(words.as_bytes()) {
            let size = stream.read(&mut piece).unwrap();
            assert!(size > 0, "the connection ended: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..size]);
        }
        String::from_utf8(seen).unwrap()
    };
    assert!(say("hello").starts_with("HTTP/1.1 101"));
    service.await_line(r#"http_requests_total{method="GET",endpoint="/upgrade",status="101"} 1"#);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/upgrade"} 0"#);
    // It is no answer whose duration or size would say anything.
    service.await_line(r#"http_request_duration_seconds_count{method="GET",endpoint="/upgrade"} 0"#);
    service.await_line(r#"http_response_size_bytes_sum{method="GET",endpoint="/upgrade"} 0"#);
    assert_eq!(say("still here"), "still here");
}

#[test]
fn a_handler_that_panics_is_answered_and_counted() {
    let service = shapes();
    assert!(service.ask("GET", "/panic").starts_with("HTTP/1.1 500"));
    service.await_line(r#"http_requests_total{method="GET",endpoint="/panic",status="500"} 1"#);
    service.await_line(r#"errors_total{error_type="panic",component="http"} 1"#);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/panic"} 0"#);
    assert!(service.ask("GET", "/api/v1/things/1").ends_with("a thing"));
}

#[test]
fn answers_without_a_body_are_finished_for_every_method() {
    let service = shapes();
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"] {
        assert!(service.ask(method, "/empty").starts_with("HTTP/1.1 204"));
        service.await_line(&format!(r#"http_requests_total{{method="{method}",endpoint="/empty",status="204"}} 1"#));
    }
}

#[test]
fn an_answer_whose_body_panics_is_our_error_and_is_logged() {
    let service = shapes();
    service.ask("GET", "/late-panic");
    service.await_line(r#"http_requests_total{method="GET",endpoint="/late-panic",status="500"} 1"#);
    service.await_line(r#"errors_total{error_type="panic",component="http"} 1"#);
    service.await_line(r#"log_events_total{level="error"} 1"#);
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/late-panic"} 0"#);
}

#[test]
fn a_response_of_length_zero_is_finished_without_a_poll() {
    let service = shapes();
    assert!(service.ask("GET", "/zero").starts_with("HTTP/1.1 200"));
    service.await_line(r#"http_requests_total{method="GET",endpoint="/zero",status="200"} 1"#);
    assert!(!service.page().contains(r#"status="499""#));
}

#[test]
fn a_nested_service_is_one_route() {
    let service = Service::start_example("shapes", &[("HTTP_METRICS__IGNORE_UNMATCHED", "true")]);
    for path in ["/static/secret.css", "/static/deep/down.js"] {
        assert!(service.ask("GET", path).ends_with("a file"));
    }
    service.await_line(r#"http_requests_total{method="GET",endpoint="/static/{*path}",status="200"} 2"#);
    service.ask("GET", "/nowhere");
    service.ask("GET", "/empty");
    service.await_line(r#"http_requests_total{method="GET",endpoint="/empty",status="204"} 1"#);
    let page = service.page();
    assert!(!page.contains("unmatched") && !page.contains("secret"), "{page}");
}

#[test]
fn a_request_is_as_large_as_what_was_read_of_it() {
    let service = shapes();
    let announced = |path: &str, length: u64| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\nhello")
    };
    service.send(&announced("/echo", 5));
    service.await_line(r#"http_request_size_bytes_sum{method="POST",endpoint="/echo"} 5"#);
    // An upload that breaks off, and one that nobody reads.
    let stream = service.begin(&announced("/echo", 4 << 30));
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    service.await_line(r#"http_request_size_bytes_count{method="POST",endpoint="/echo"} 2"#);
    service.await_line(r#"http_request_size_bytes_sum{method="POST",endpoint="/echo"} 10"#);
    service.send(&announced("/unread", 1 << 62));
    service.await_line(r#"http_request_size_bytes_count{method="POST",endpoint="/unread"} 1"#);
    service.await_line(r#"http_request_size_bytes_sum{method="POST",endpoint="/unread"} 0"#);
}

#[test]
fn a_chunked_request_is_counted_as_it_is_read() {
    let service = shapes();
    let chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    assert!(service.send(chunked).ends_with("hello world"));
    service.await_line(r#"http_request_size_bytes_sum{method="POST",endpoint="/echo"} 11"#);
    service.await_line(r#"http_response_size_bytes_sum{method="POST",endpoint="/echo"} 11"#);
}

#[test]
fn a_usable_request_id_comes_back_and_else_one_is_made() {
    let service = shapes();
    let ask = |id: &str| {
        service.send(&format!("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {id}\r\n\r\n"))
    };
    assert!(ask("abc-123").contains("x-request-id: abc-123\r\n"));
    let long = "a".repeat(65);
    for unfit in ["", "with a space", &long] {
        let answer = ask(unfit);
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
        assert!(uuid::Uuid::try_parse(id).is_ok(), "{id}");
    }
}

#[test]
fn a_trace_goes_on_to_what_the_handler_calls() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    // Nobody listens there; the context is passed on nevertheless.
    let tracing = [("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", "http://127.0.0.1:9")];
    let service = Service::start_example("shapes", &tracing);
    let ask = |trace: &str| {
        let line = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n");
        service.send(&format!("GET /calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}\r\n"))
    };
    assert!(ask(TRACE).contains(&format!("00-{TRACE}-")), "{}", ask(TRACE));
    // An invalid context begins a trace of its own.
    let own = ask(&"0".repeat(32));
    assert!(own.contains("traceparent") && !own.contains(&"0".repeat(32)), "{own}");
}

#[test]
fn host_process_and_runtime_are_on_the_page() {
    let service = shapes();
    for series in [
        "host_cpus",
        "host_memory_total_bytes",
        "host_load1",
        "process_resident_memory_bytes",
        "process_open_fds",
        "tokio_workers",
        "tokio_alive_tasks",
    ] {
        assert!(service.value(series).is_some_and(|value| value >= 0.0), "{series} in\n{}", service.page());
    }
    let page = service.page();
    assert!(page.contains("# TYPE tokio_worker_busy_seconds_total counter"));
    assert!(page.contains("# TYPE host_network_receive_bytes_total counter"));
    assert!(service.value("telemetry_page_samples").unwrap() > 100.0);
}
