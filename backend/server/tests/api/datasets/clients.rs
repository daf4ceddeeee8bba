//! Clients that ask first, send on, go away, stand still or are too many: what each is told, and that nothing is left.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::support::server::{PATIENCE, Server, problem};
use crate::api::support::uploads::{TABLE, assert_outcomes, await_files, send, upload};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// What the server says until it closes the connection.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

/// What the server says first.
async fn read_some(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 65536];
    let length = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn a_client_that_asks_first_is_answered_before_it_sends() {
    let server = Server::start_with(&[("UPLOAD__MAX_BYTES", "1MiB")]).await;
    let head =
        "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nExpect: 100-continue\r\n";
    let mut stream = connect(&server).await;
    stream.write_all(format!("{head}Content-Length: 99999999\r\n\r\n").as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"too_large\""), "{answer}");

    let mut stream = connect(&server).await;
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", TABLE.len()).as_bytes()).await.unwrap();
    assert_eq!(read_some(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(TABLE.as_bytes()).await.unwrap();
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

/// As many clients do: all is sent, and only then is the answer read.
#[tokio::test]
async fn a_client_that_sends_on_after_its_refusal_still_gets_it() {
    let server = Server::start().await;
    let mut stream = connect(&server).await;
    let length = 64 << 20;
    let head = format!(
        "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = "1,2\n".repeat(1 << 18);
    for _ in 0..length / piece.len() {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("no_header"), "{answer}");
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "the connection is of further use: {answer}");
}

#[tokio::test]
async fn a_disconnect_half_way_is_cancelled_and_leaves_nothing() {
    let server = Server::start().await;
    let heads = [
        "Content-Type: text/csv\r\nContent-Length: 10000000\r\n\r\na,b\n".to_owned(),
        "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na,b\n\r\n".to_owned(),
        "Content-Type: multipart/form-data; boundary=X\r\nContent-Length: 10000000\r\n\r\n--X\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"t\"\r\n\r\na,b\n"
            .to_owned(),
    ];
    for (count, head) in heads.iter().enumerate() {
        let mut stream = connect(&server).await;
        stream
            .write_all(format!("POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\n{head}").as_bytes())
            .await
            .unwrap();
        await_files(&server, 1).await;
        assert_eq!(server.metric("belfry_uploads_in_progress").await, Some(1.0));
        drop(stream);
        assert_outcomes(&server, &[("cancelled", count as f64 + 1.0)]).await;
        await_files(&server, 0).await;
    }
    assert_eq!(server.json("/api/v1/datasets").await["items"], json!([]));
}

#[tokio::test]
async fn a_client_that_stands_still_is_told_so() {
    let server = Server::start_with(&[("UPLOAD__IDLE_TIMEOUT", "1s")]).await;
    let mut stream = connect(&server).await;
    let head = "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\na,b\n";
    let started = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"stalled\""), "{answer}");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_outcomes(&server, &[("cancelled", 1.0)]).await;
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_slow_client_is_not_idle_and_is_refused_at_a_first_fault() {
    let server = Server::start_with(&[("UPLOAD__IDLE_TIMEOUT", "1s")]).await;
    let mut stream = connect(&server).await;
    let head = "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\na,b\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stream.write_all(b"1,2\n").await.unwrap();
    }
    stream.write_all(b"1\n").await.unwrap();
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("ragged_row"), "{answer}");
}

#[tokio::test]
async fn more_uploads_than_allowed_are_sent_away_for_now() {
    let server = Server::start_with(&[("UPLOAD__MAX_CONCURRENT", "1")]).await;
    let mut stream = connect(&server).await;
    let head = "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 10\r\n\r\na,b\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    server.await_metric("belfry_uploads_in_progress", 1.0).await;
    let answer = send(&server, "text/csv", TABLE).await;
    assert_eq!(answer.headers()["retry-after"], "5");
    problem(answer, StatusCode::SERVICE_UNAVAILABLE, "busy").await;
    stream.write_all(b"1,2\n3,").await.unwrap();
    assert!(read_some(&mut stream).await.contains(" 201 "));
    upload(&server, "", TABLE).await;
    assert_outcomes(&server, &[("rejected", 1.0), ("stored", 2.0)]).await;
}
