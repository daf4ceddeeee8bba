//! The nested example as a process, asked over HTTP: each of its shapes is measured under the whole template of its route.

#![allow(clippy::unwrap_used)]

use futures::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::service::{PATIENCE, Service};

fn library() -> Service {
    Service::start_example("nested", &[])
}

/// Waits until the page shows these requests of the route, and none of them under way.
fn await_requests(service: &Service, method: &str, route: &str, status: &str, count: u32) {
    service.await_line(&format!(
        r#"http_requests_total{{method="{method}",endpoint="{route}",status="{status}"}} {count}"#
    ));
    service.await_line(&format!(r#"http_requests_in_progress{{method="{method}",endpoint="{route}"}} 0"#));
}

fn put(path: &str, body: &str) -> String {
    format!(
        "PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn nested_routes_have_their_whole_template() {
    let service = library();
    assert!(service.ask("GET", "/api/v1/books/dune").ends_with("412"));
    assert!(service.ask("GET", "/api/v2/books/secret-title").starts_with("HTTP/1.1 404"));
    assert!(service.ask("GET", "/api/v1/books").ends_with('2'));
    await_requests(&service, "GET", "/api/{version}/books/{title}", "200", 1);
    await_requests(&service, "GET", "/api/{version}/books/{title}", "404", 1);
    await_requests(&service, "GET", "/api/{version}/books", "200", 1);
    assert!(!service.page().contains("secret-title"));
}

#[test]
fn both_fallbacks_answer_and_are_bounded() {
    let service = library();
    assert!(service.ask("GET", "/nowhere").ends_with("/nowhere is not here"));
    assert!(service.ask("GET", "/api/v1/books/dune/no/such").ends_with(r#""not in this version""#));
    assert!(service.ask("DELETE", "/api/v1/books/dune").starts_with("HTTP/1.1 405"));
    await_requests(&service, "DELETE", "/api/{version}/books/{title}", "405", 1);
    await_requests(&service, "GET", "unmatched", "404", 2);
    let page = service.page();
    assert!(!page.contains("/nowhere") && !page.contains("no/such"), "{page}");
}

#[test]
fn metrics_of_the_service_are_its_state() {
    let service = library();
    for line in [
        "library_books 2",
        r#"library_loans_total{outcome="lent"} 0"#,
        r#"library_loans_total{outcome="unknown"} 0"#,
        "library_loan_pages_count 0",
    ] {
        service.await_line(line);
    }
    assert!(service.send(&put("/api/v1/books/ulysses", "730")).starts_with("HTTP/1.1 201"));
    assert!(service.ask("POST", "/api/v1/books/ulysses/loans").starts_with("HTTP/1.1 204"));
    assert!(service.ask("POST", "/api/v1/books/none/loans").starts_with("HTTP/1.1 404"));
    for line in [
        "library_books 3",
        r#"library_loans_total{outcome="lent"} 1"#,
        r#"library_loans_total{outcome="unknown"} 1"#,
        r#"library_loan_pages_bucket{le="100"} 0"#,
        r#"library_loan_pages_bucket{le="1000"} 1"#,
        "library_loan_pages_sum 730",
    ] {
        service.await_line(line);
    }
    await_requests(&service, "PUT", "/api/{version}/books/{title}", "201", 1);
    await_requests(&service, "POST", "/api/{version}/books/{title}/loans", "204", 1);
}

#[test]
fn a_streamed_book_is_measured_to_its_last_page() {
    let service = library();
    let answer = service.ask("GET", "/api/v1/books/dune/text");
    assert!(answer.contains("page    1\n") && answer.contains("page  412\n"));
    await_requests(&service, "GET", "/api/{version}/books/{title}/text", "200", 1);
    // 412 pages of ten bytes.
    let sum = r#"http_response_size_bytes_sum{method="GET",endpoint="/api/{version}/books/{title}/text"} 4120"#;
    service.await_line(sum);
}

#[test]
fn a_panic_is_a_500_and_an_error_and_the_service_goes_on() {
    let service = library();
    assert!(service.ask("GET", "/api/v1/panic").starts_with("HTTP/1.1 500"));
    await_requests(&service, "GET", "/api/{version}/panic", "500", 1);
    service.await_line(r#"errors_total{error_type="panic",component="http"} 1"#);
    service.await_line(r#"log_events_total{level="error"} 1"#);
    assert!(service.ask("GET", "/api/v1/books").ends_with('2'));
}

#[test]
fn each_check_is_on_the_health_page_and_in_the_metrics() {
    let service = library();
    let answer = service.ask("GET", "/health");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let report: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(report["status"], "degraded", "{report}");
    let checks = &report["checks"];
    assert_eq!((&checks["shelves"]["status"], &checks["shelves"]["message"]), (&"ok".into(), &"2 books".into()));
    assert_eq!(checks["reading_room"]["status"], "failed");
    assert_eq!(checks["mail"]["status"], "disabled");
    assert!(service.ask("GET", "/readyz").starts_with("HTTP/1.1 200"));
    service.await_line(r#"health_check_status{check="shelves"} 1"#);
    service.await_line(r#"health_check_status{check="reading_room"} 0"#);
    assert!(!service.page().contains(r#"check="mail""#));
}

#[tokio::test]
async fn a_websocket_is_a_101_and_counts_as_connected() {
    let service = library();
    let url = format!("ws://{}/api/v1/readers", service.address());
    let (mut socket, response) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(response.status(), 101);
    let echo = async |socket: &mut tokio_tungstenite::WebSocketStream<_>| {
        socket.send(Message::text("dune")).await.unwrap();
        tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap().into_text().unwrap()
    };
    assert_eq!(echo(&mut socket).await, "reading dune");
    await_requests(&service, "GET", "/api/{version}/readers", "101", 1);
    service.await_line("library_readers_connected 1");
    // The connection outlives its request.
    assert_eq!(echo(&mut socket).await, "reading dune");
    socket.close(None).await.unwrap();
    service.await_line("library_readers_connected 0");
    // It is no answer whose duration would say anything.
    service.await_line(r#"http_request_duration_seconds_count{method="GET",endpoint="/api/{version}/readers"} 0"#);
}
