//! Strangers at the webhook: their headers claim a signature, and their bodies are large and do not end.

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{PATH, SECRET, now, payment, rows, send, sent};
use crate::api::support::server::{PATIENCE, Server, problem};

/// 8 MiB for other bodies, and so 1 MiB for these: four of 256 KiB, the first 16 KiB of each not counted.
const MEMORY: (&str, &str) = ("SERVER__MAX_BUFFERED_BYTES", "8MiB");
const FIT: usize = 4;

const STRANGERS: usize = 40;

/// Sends all but the last bytes of the largest body there may be, with headers that are as they should be.
async fn send_unfinished(server: &Server, number: usize) -> TcpStream {
    const LARGEST: usize = 256 * 1024;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {LARGEST}\r\n\
         webhook-id: msg_{number}\r\nwebhook-timestamp: {}\r\nwebhook-signature: v1,{}=\r\n\r\n",
        now(),
        "A".repeat(43)
    );
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    // The server may have refused it on the way.
    let request = [head.into_bytes(), vec![b' '; LARGEST - 100]].concat();
    let _ = tokio::time::timeout(PATIENCE, stream.write_all(&request)).await.unwrap();
    stream
}

async fn crowd(server: &Server) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for number in 0..STRANGERS {
        crowd.push(send_unfinished(server, number).await);
    }
    crowd
}

/// An event of the provider's with a field of its own that takes 200 KiB.
fn large_event() -> String {
    let mut event = payment("succeeded", 1, "EUR");
    event["data"]["note"] = "x".repeat(200 * 1024).into();
    event.to_string()
}

async fn refused(server: &Server) -> f64 {
    server.metric("http_requests_refused_total{reason=\"max_buffered_bytes\"}").await.unwrap_or_default()
}

#[tokio::test]
async fn strangers_cannot_take_more_than_a_bounded_memory() {
    let server = Server::start_with(&[("BILLING__WEBHOOK_SECRET", SECRET), MEMORY]).await;
    let crowd = crowd(&server).await;
    let most = (STRANGERS - FIT) as f64;
    eventually("all but those that fit are refused", PATIENCE, async || {
        let refused = refused(&server).await;
        if refused >= most { Ok(()) } else { Err(format!("{refused} of {most}")) }
    })
    .await;
    // Events as they are in life are read all the same, and so are large bodies of other routes.
    assert_eq!(sent(&server, "msg_small", &payment("succeeded", 1, "EUR")).await, "stored");
    let other = server.post("/api/v1/runs", &json!({ "dataset_id": "x".repeat(1 << 20) })).await;
    assert!(other.status().is_client_error(), "{}", other.status());
    // Where nobody may be pushed aside yet, the provider is told when to come again.
    let large = large_event();
    let answer = send(&server, "msg_large", &large).await;
    let said_to_wait = ["retry-after", "connection"].map(|name| answer.headers()[name].to_str().unwrap().to_owned());
    assert_eq!(said_to_wait, ["5", "close"]);
    let said: Value = problem(answer, StatusCode::SERVICE_UNAVAILABLE, "buffers_full").await;
    assert!(said["detail"].as_str().unwrap().contains("SERVER__MAX_BUFFERED_BYTES"), "{said}");
    drop(crowd);
    eventually("the memory is given back", PATIENCE, async || {
        send(&server, "msg_large", &large).await.status() == StatusCode::OK
    })
    .await;
    assert_eq!(rows(&server).await, 2);
}

#[tokio::test]
async fn slow_strangers_give_way_to_a_large_event() {
    let timeouts = [("SERVER__BODY_TIMEOUT", "2s"), ("UPLOAD__IDLE_TIMEOUT", "2s"), ("SERVER__MIN_BODY_RATE", "1B")];
    let settings = [("BILLING__WEBHOOK_SECRET", SECRET), MEMORY, timeouts[0], timeouts[1], timeouts[2]];
    let server = Server::start_with(&settings).await;
    let _crowd = crowd(&server).await;
    eventually("a signed event is stored", PATIENCE, async || {
        send(&server, "msg_large", &large_event()).await.status() == StatusCode::OK
    })
    .await;
    assert_eq!(rows(&server).await, 1);
}
