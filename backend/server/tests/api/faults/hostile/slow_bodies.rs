//! Bodies that come slowly, or never to their end.

use std::time::Duration;

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{client_elsewhere, counted, rest, send};
use crate::api::support::server::{PATIENCE, Server};
use crate::api::support::uploads::{TABLE, forget_peak, peak_bytes, resident_bytes, upload};

const UPLOAD: &str = "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\na,b\n";

/// An upload at a byte a quarter second, and what it was answered.
async fn trickle(server: &Server) -> JoinHandle<String> {
    let mut stream: TcpStream = send(server, UPLOAD).await;
    tokio::spawn(async move {
        let (mut answers, mut body) = stream.split();
        let sending = async {
            while body.write_all(b"1").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        let mut answer = vec![0; 65536];
        let reading = tokio::io::AsyncReadExt::read(&mut answers, &mut answer);
        let length = tokio::select! { length = reading => length.unwrap_or(0), () = sending => 0 };
        String::from_utf8_lossy(&answer[..length]).into_owned()
    })
}

#[tokio::test]
async fn a_body_below_the_least_rate_is_refused() {
    let timeouts = [("SERVER__BODY_TIMEOUT", "1s"), ("UPLOAD__IDLE_TIMEOUT", "1s")];
    let server = Server::start_with(&timeouts).await;
    let answer = tokio::time::timeout(PATIENCE, trickle(&server).await).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"too_slow\""), "{answer}");
    assert!(answer.contains("1024 bytes in 1 s") && answer.contains("connection: close"), "{answer}");
    assert_eq!(counted(&server, "http_requests_refused_total", "slow_body").await, 1.0);
}

#[tokio::test]
async fn slow_uploads_do_not_keep_others_out() {
    let server = Server::start_with(&[("UPLOAD__MAX_CONCURRENT", "4")]).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(trickle(&server).await);
    }
    server.await_metric("belfry_uploads_in_progress", 4.0).await;
    eventually("an honest upload gets a slot", PATIENCE, async || {
        let request = server.client.post(format!("{}/api/v1/datasets", server.url)).header("content-type", "text/csv");
        request.body(TABLE).send().await.unwrap().status() == StatusCode::CREATED
    })
    .await;
    assert_eq!(counted(&server, "http_requests_refused_total", "slow_body").await, 1.0);
    slow.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_json_body_that_keeps_the_rate_may_take_longer() {
    let timeouts = [("SERVER__BODY_TIMEOUT", "2s"), ("UPLOAD__IDLE_TIMEOUT", "2s")];
    let server = Server::start_with(&timeouts).await;
    let head =
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let pieces = 6;
    let mut stream = send(&server, format!("{head}Content-Length: {}\r\n\r\n{{}}", pieces * 4096 + 2)).await;
    for _ in 0..pieces {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stream.write_all(&[b' '; 4096]).await.unwrap();
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("dataset_id"), "{answer}");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_unread() {
    let server = Server::start().await;
    let head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n";
    let mut stream = send(&server, format!("{head}Content-Length: 1000000\r\n\r\n{{")).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 415 ") && answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("text/plain") && answer.contains("expected application/json"), "{answer}");
}

#[tokio::test]
async fn unfinished_json_bodies_share_a_bounded_memory() {
    let bounds =
        [("SERVER__MAX_BUFFERED_BYTES", "8MiB"), ("SERVER__BODY_TIMEOUT", "3s"), ("UPLOAD__IDLE_TIMEOUT", "3s")];
    let server = Server::start_with(&bounds).await;
    upload(&server, "", TABLE).await;
    let before = resident_bytes(server.pid());
    forget_peak(server.pid());
    let head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let unfinished = format!("{head}Content-Length: 2000000\r\n\r\n{}", " ".repeat(1_900_000));
    let mut held = Vec::new();
    for _ in 0..80 {
        held.push(send(&server, &unfinished).await);
    }
    eventually("most are refused", PATIENCE, async || {
        let refused = counted(&server, "http_requests_refused_total", "max_buffered_bytes").await;
        if refused >= 60.0 { Ok(()) } else { Err(format!("{refused}")) }
    })
    .await;
    // A small one is read all the same.
    let elsewhere = client_elsewhere();
    let asked = elsewhere.post(format!("{}/api/v1/runs", server.url)).json(&json!({ "dataset_id": "none" }));
    assert!(asked.send().await.unwrap().status().is_client_error());
    assert_eq!(elsewhere.get(format!("{}/readyz", server.url)).send().await.unwrap().status(), StatusCode::OK);
    let peak = peak_bytes(server.pid()).saturating_sub(before) >> 20;
    assert!(peak < 64, "{peak} MiB more than before");
    let mut answers = Vec::new();
    for stream in &mut held {
        answers.push(rest(stream).await);
    }
    let refused = |status: &str| answers.iter().filter(|answer| answer.starts_with(status)).count();
    assert_eq!(refused("HTTP/1.1 503 ") + refused("HTTP/1.1 408 "), 80, "{answers:?}");
    assert!(refused("HTTP/1.1 408 ") >= 1);
    eventually("memory is given back", PATIENCE, async || {
        let more = resident_bytes(server.pid()).saturating_sub(before) >> 20;
        if more < 32 { Ok(()) } else { Err(format!("{more} MiB")) }
    })
    .await;
}
