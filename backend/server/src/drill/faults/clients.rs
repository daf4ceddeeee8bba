//! Clients that ask wrongly, take everything, or do not finish.

use std::time::Duration;

use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Scene;

/// What is accepted beside these is refused, but for probes and scrapes.
const CONNECTIONS: usize = 8;

pub fn few_connections() -> Vec<(&'static str, String)> {
    vec![("SERVER__MAX_CONNECTIONS", CONNECTIONS.to_string()), ("SERVER__HEADER_TIMEOUT", "1h".to_owned())]
}

pub fn impatient() -> Vec<(&'static str, String)> {
    vec![("SERVER__HEADER_TIMEOUT", "200ms".to_owned())]
}

pub async fn bad(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    loop {
        backend.get("/api/v1/datasets/none").await?;
        backend.request(Method::GET, "/api/v1/datasets").header("host", "elsewhere.example").send().await?;
        let upload = backend.request(Method::POST, "/api/v1/datasets").header("content-type", "text/csv");
        upload.body("a,b\n1\n").send().await?;
        if scene.pause(Duration::from_millis(200)).await {
            return Ok(());
        }
    }
}

pub async fn idle(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let backend = &scene.services.backend;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(TcpStream::connect(backend.address()).await?);
    }
    loop {
        // One of the first may itself have been refused, while a probe had its place.
        held.push(TcpStream::connect(backend.address()).await?);
        // Answered 503, or cut.
        let _ = backend.get("/api/v1/datasets").await;
        if scene.pause(Duration::from_millis(200)).await {
            return Ok(());
        }
    }
}

pub async fn slow(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let mut held = std::collections::VecDeque::new();
    loop {
        for _ in 0..10 {
            let mut client = TcpStream::connect(scene.services.backend.address()).await?;
            client.write_all(b"GET / HTTP/1.1\r\n").await?;
            held.push_back(client);
        }
        if scene.pause(Duration::from_millis(500)).await {
            return Ok(());
        }
        // Those of a second ago have been cut.
        while held.len() > 20 {
            held.pop_front();
        }
    }
}
