//! Too many connections, and connections that do nothing.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{client_elsewhere, connect, connect_from, counted, rest, send};
use crate::api::support::server::{PATIENCE, Server, problem};
use crate::api::support::uploads::{generated, upload};

#[tokio::test]
async fn headers_that_do_not_end_and_silence_are_cut() {
    let timeouts = [("SERVER__HEADER_TIMEOUT", "500ms"), ("SERVER__IDLE_TIMEOUT", "500ms")];
    let server = Server::start_with(&timeouts).await;
    let mut silent = connect(&server).await;
    let mut begun = send(&server, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ").await;
    let mut idle = send(&server, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    // A byte now and then does not help.
    let (mut reader, mut writer) = send(&server, "GET /livez HTTP/1.1\r\n").await.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert_eq!(rest(&mut silent).await, "");
    let answer = rest(&mut begun).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"header_timeout\""), "{answer}");
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 "));
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer)).await.expect("the trickle goes on");
    tokio::time::timeout(PATIENCE, trickle).await.unwrap().unwrap();
    let at_least = eventually("all are counted", PATIENCE, async || {
        let header = counted(&server, "http_connections_cut_total", "header_timeout").await;
        let idle = counted(&server, "http_connections_cut_total", "idle_timeout").await;
        if header >= 3.0 && idle >= 1.0 { Ok(()) } else { Err(format!("{header} {idle}")) }
    });
    at_least.await;
}

#[tokio::test]
async fn a_crowd_leaves_room_for_probes_and_for_others() {
    let bounds = [("SERVER__MAX_CONNECTIONS", "24"), ("SERVER__MAX_CONNECTIONS_PER_ADDRESS", "12")];
    let server = Server::start_with(&bounds).await;
    let mut crowd: Vec<TcpStream> = Vec::new();
    for _ in 0..200 {
        crowd.push(connect(&server).await);
    }
    // Which come from the crowd's address, on a connection each.
    let fresh = || belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0);
    let probe = fresh().timeout(PATIENCE).build().unwrap();
    for path in ["/livez", "/readyz", "/metrics"] {
        let asked = Instant::now();
        let answer = probe.get(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        // A second is promised on a machine that is not busy; this one runs other tests.
        assert!(asked.elapsed() < Duration::from_secs(5), "{path} took {:?}", asked.elapsed());
    }
    let refused = probe.get(format!("{}/api/v1/datasets", server.url)).send().await.unwrap();
    assert_eq!(
        (refused.status(), &refused.headers()["connection"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"close".parse().unwrap())
    );
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.text().await.unwrap().contains("SERVER__MAX_CONNECTIONS_PER_ADDRESS"));
    // The share of another address.
    let elsewhere = client_elsewhere();
    let listed = elsewhere.get(format!("{}/api/v1/datasets", server.url)).send().await.unwrap();
    assert_eq!(listed.status(), StatusCode::OK);
    // Until all are taken.
    for _ in 0..12 {
        crowd.push(connect_from(&server, Ipv4Addr::new(127, 0, 0, 78)).await);
    }
    let answer = client_elsewhere().get(format!("{}/api/v1/runs", server.url)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(crowd);
    eventually("there is room again", PATIENCE, async || {
        let answer = client_elsewhere().get(format!("{}/api/v1/runs", server.url)).send().await.unwrap();
        answer.status() == StatusCode::OK
    })
    .await;
    assert!(counted(&server, "http_connections_refused_total", "max_connections_per_address").await >= 100.0);
    assert!(counted(&server, "http_connections_refused_total", "max_connections").await >= 1.0);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut() {
    let server = Server::start_with(&[("SERVER__WRITE_TIMEOUT", "500ms")]).await;
    let dataset = upload(&server, "", generated(24 << 20)).await;
    let path = format!("/api/v1/datasets/{}/content", dataset["id"].as_str().unwrap());
    let mut readers = Vec::new();
    for _ in 0..10 {
        readers.push(send(&server, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await);
    }
    eventually("all are cut", PATIENCE, async || {
        let cut = counted(&server, "http_connections_cut_total", "write_timeout").await;
        if cut == 10.0 { Ok(()) } else { Err(format!("{cut}")) }
    })
    .await;
    // One that reads gets all.
    let content = server.get(&path).await.bytes().await.unwrap();
    assert_eq!(content.len() as u64, dataset["size_bytes"].as_u64().unwrap());
}

#[tokio::test]
async fn a_reader_above_the_least_rate_gets_all() {
    let rate = [("SERVER__WRITE_TIMEOUT", "3s"), ("SERVER__MIN_RESPONSE_RATE", "32KiB")];
    let server = Server::start_with(&rate).await;
    let dataset = upload(&server, "", generated(2 << 20)).await;
    let path = format!("/api/v1/datasets/{}/content", dataset["id"].as_str().unwrap());
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut stream = send(&server, request).await;
    // Slowly enough for the server to wait for most of the time.
    let (mut received, mut piece) = (0, vec![0; 128 << 10]);
    loop {
        let length = stream.read(&mut piece).await.unwrap();
        if length == 0 {
            break;
        }
        received += length as u64;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert!(received > dataset["size_bytes"].as_u64().unwrap(), "{received}");
    assert_eq!(counted(&server, "http_connections_cut_total", "write_timeout").await, 0.0);
}

#[tokio::test]
async fn a_header_that_does_not_end_does_not_hold_a_stop_up() {
    let mut server = Server::start_with(&[("SERVER__SHUTDOWN_GRACE", "20s")]).await;
    let _begun = send(&server, "GET /livez HTTP/1.1\r\n").await;
    let _silent = connect(&server).await;
    server.await_metric("http_connections_open", 3.0).await;
    let asked = Instant::now();
    assert_eq!(server.stop().await, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?}", asked.elapsed());
}

#[tokio::test]
async fn a_body_over_its_limit_closes_the_connection() {
    let server = Server::start().await;
    let head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let mut stream = send(&server, format!("{head}Content-Length: 3000000\r\n\r\n{{")).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close"), "{answer}");
    let answer = server.post("/api/v1/runs", &" ".repeat(3_000_000).into()).await;
    problem(answer, StatusCode::PAYLOAD_TOO_LARGE, "too_large").await;
}
