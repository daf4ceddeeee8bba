//! Messages that are no HTTP, or only just.

use belfry_test_support::eventually;

use super::{counted, rest, send};
use crate::api::support::server::{PATIENCE, Server};

/// Asserts that an answer is a problem with this status and code.
fn assert_problem(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status} {code}: {answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains(&format!("\"code\":\"{code}\"")), "expected {code}: {answer}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_problem() {
    let server = Server::start().await;
    let long = "a".repeat(100_000);
    let fields = "X: y\r\n".repeat(200);
    let cases = [
        ("nonsense\r\n\r\n".to_owned(), 400, "malformed_request"),
        ("GET /livez HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n".to_owned(), 400, "malformed_request"),
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414, "uri_too_long"),
        (format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"), 431, "header_too_large"),
        (format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"), 431, "header_too_large"),
        ("GET /api/v1/runs HTTP/1.1\r\n\r\n".to_owned(), 400, "invalid_host"),
        ("GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".to_owned(), 400, "invalid_host"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 421, "unknown_host"),
        ("GET /api/v1/runs/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400, "invalid_path"),
    ];
    for (request, status, code) in &cases {
        let request = request.replacen("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1);
        let answer = rest(&mut send(&server, request).await).await;
        assert_problem(&answer, *status, code);
    }
    eventually("each is counted", PATIENCE, async || {
        let malformed = counted(&server, "http_connections_cut_total", "malformed").await;
        let hosts = counted(&server, "http_requests_refused_total", "invalid_host").await;
        if malformed == 5.0 && hosts == 2.0 { Ok(()) } else { Err(format!("{malformed} {hosts}")) }
    })
    .await;
}

#[tokio::test]
async fn http2_is_refused_at_once() {
    let server = Server::start().await;
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // Settings without end, and pings.
    flood.extend([0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(10_000));
    for _ in 0..20 {
        let answer = rest(&mut send(&server, &flood).await).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    eventually("each is counted", PATIENCE, async || {
        counted(&server, "http_connections_cut_total", "malformed").await == 20.0
    })
    .await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = rest(&mut send(&server, format!("{}{last}", one.repeat(200))).await).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 200);
    assert_eq!(answer.matches("HTTP/1.1 404 ").count(), 1);
    // What follows a request and is none ends the connection, and not the request.
    let answer = rest(&mut send(&server, format!("{one}nonsense\r\n\r\n")).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn chunks_that_break_the_rules_are_refused() {
    let server = Server::start().await;
    let head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let extension = format!("1;{}\r\n", "a".repeat(200_000));
    let trailers = format!("0\r\n{}\r\n", format!("X: {}\r\n", "y".repeat(1000)).repeat(100));
    for chunks in ["zz\r\n{}\r\n", "-1\r\n", "fffffffffffffffff\r\n", "1\r\n{}\r\n", &extension, &trailers] {
        let mut stream = send(&server, format!("{head}{chunks}")).await;
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{:.20}: {answer}", chunks);
    }
    eventually("each is counted", PATIENCE, async || {
        let found = counted(&server, "http_requests_refused_total", "malformed_body").await;
        if found == 6.0 { Ok(()) } else { Err(format!("{found}")) }
    })
    .await;
    // Two lengths, as requests are smuggled past proxies.
    let both = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n";
    assert_problem(&rest(&mut send(&server, both).await).await, 400, "malformed_request");
    assert_eq!(server.get("/livez").await.status(), 200);
}
