//! Many queries at one time, and clients that go away.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use belfry_test_support::eventually;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ended;
use crate::api::support::server::{PATIENCE, Server, problem};
use crate::api::support::source::{Reply, Source};

const QUERY: &str = "/api/v1/query/prometheus/query?query=up";

#[tokio::test]
async fn queries_wait_are_refused_and_end_with_their_clients() {
    let source = Source::start(Reply::Never).await;
    let settings = [
        ("PROMETHEUS__URL", source.url.as_str()),
        ("VIEWER__MAX_QUERIES", "2"),
        ("VIEWER__MAX_WAITING_QUERIES", "1"),
        ("VIEWER__QUERY_WAIT", "1m"),
        ("VIEWER__QUERY_TIMEOUT", "10m"),
    ];
    let server = Server::start_with(&settings).await;
    let ask = || tokio::spawn(server.client.get(format!("{}{QUERY}", server.url)).send());
    let running = [ask(), ask()];
    eventually("two queries run", PATIENCE, async || source.under_way() == 2).await;
    // Of three more one may wait, whichever comes first.
    let mut others: FuturesUnordered<_> = (0..3).map(|_| ask()).collect();
    for _ in 0..2 {
        let refused = others.next().await.unwrap().unwrap().unwrap();
        assert_eq!(refused.headers()["retry-after"], "5");
        let told = problem(refused, StatusCode::SERVICE_UNAVAILABLE, "query_busy").await;
        assert!(told["detail"].as_str().unwrap().contains("VIEWER__MAX_WAITING_QUERIES"), "{told}");
    }
    assert_eq!(source.under_way(), 2);

    // A client that goes away ends its query at the source, and the one that waits has its turn.
    source.answer_with(Reply::json(200, "{}"));
    for query in running {
        query.abort();
    }
    eventually("their queries end", PATIENCE, async || source.under_way() == 0).await;
    assert_eq!(others.next().await.unwrap().unwrap().unwrap().status(), StatusCode::OK);
    eventually("they are counted as cancelled", PATIENCE, async || {
        let cancelled = ended(&server, "prometheus", "cancelled").await;
        if cancelled >= Some(2.0) { Ok(()) } else { Err(format!("{cancelled:?}")) }
    })
    .await;
    let call = r#"external_api_requests_total{service="prometheus",endpoint="/api/v1/query",status="cancelled"}"#;
    assert_eq!(server.metric(call).await, Some(2.0));
}

/// All room is for one answer, which its client does not take: what comes meanwhile is told so, and finds room
/// when that client is gone.
#[tokio::test]
async fn an_answer_that_is_not_taken_keeps_its_room() {
    let body = format!("[{}1]", "1,".repeat((64 << 20) / 2 - 2));
    let source = Source::start(Reply::json(200, &body)).await;
    let settings = [
        ("PROMETHEUS__URL", source.url.as_str()),
        ("VIEWER__MAX_QUERIES", "1"),
        ("VIEWER__MAX_ANSWER_BYTES", "64MiB"),
        ("VIEWER__QUERY_TIMEOUT", "10m"),
    ];
    let server = Server::start_with(&settings).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {QUERY} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    // Its answer has begun, and the system's own buffers hold only a part of it.
    idle.read_u8().await.unwrap();
    let refused = server.get(QUERY).await;
    let told = problem(refused, StatusCode::SERVICE_UNAVAILABLE, "query_busy").await;
    assert!(told["detail"].as_str().unwrap().contains("VIEWER__MAX_ANSWER_BYTES"), "{told}");
    drop(idle);
    eventually("its room is free", PATIENCE, async || {
        let answer = server.get(QUERY).await;
        if answer.status() == StatusCode::OK { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_thousand_queries_keep_the_api_from_nobody() {
    let source = Source::start(Reply::Never).await;
    let settings = [
        ("PROMETHEUS__URL", source.url.as_str()),
        ("VIEWER__MAX_QUERIES", "4"),
        ("VIEWER__MAX_WAITING_QUERIES", "20"),
        ("VIEWER__QUERY_WAIT", "100ms"),
        ("VIEWER__QUERY_TIMEOUT", "1s"),
    ];
    let server = Server::start_with(&settings).await;
    let done = Arc::new(AtomicBool::new(false));
    let crowd = {
        let (client, url, done) = (server.client.clone(), format!("{}{QUERY}", server.url), done.clone());
        tokio::spawn(async move {
            let queries = (0..1_000).map(|_| client.get(&url).send());
            let statuses: Vec<StatusCode> = futures::stream::iter(queries)
                .buffer_unordered(100)
                .map(|answer| answer.unwrap().status())
                .collect()
                .await;
            done.store(true, Ordering::SeqCst);
            statuses
        })
    };
    let elsewhere = belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]).timeout(PATIENCE);
    let elsewhere = elsewhere.local_address(IpAddr::from([127, 0, 0, 77])).build().unwrap();
    let mut served = 0;
    while !done.load(Ordering::SeqCst) {
        for path in ["/livez", "/api/v1/datasets", "/dashboards"] {
            let answer = elsewhere.get(format!("{}{path}", server.url)).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
        }
        served += 1;
        // When all four time out, the source may have four more before it notices.
        assert!(source.under_way() <= 8, "{} queries run", source.under_way());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let statuses = crowd.await.unwrap();
    let busy = statuses.iter().filter(|status| **status == StatusCode::SERVICE_UNAVAILABLE).count();
    let slow = statuses.iter().filter(|status| **status == StatusCode::GATEWAY_TIMEOUT).count();
    assert!(busy + slow == 1_000 && slow >= 4 && busy > 500, "{busy} busy, {slow} timed out");
    assert!(served >= 3, "{served}");
    assert_eq!(ended(&server, "prometheus", "busy").await, Some(busy as f64));
}
