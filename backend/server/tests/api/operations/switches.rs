//! The truth of the switches: what is on sends, what is off sends nothing, and the API is the same in each combination.
//!
//! Each pair of switches stands in each of its four combinations: the rows of an orthogonal array of strength two, in which
//! a switch is on where its number and the row's have an even number of bits in common.

use belfry_test_support::eventually;
use belfry_test_support::loki::Receiver;
use belfry_test_support::otlp::Collector;
use belfry_test_support::statsd::Agent;
use belfry_test_support::stub::StubService;
use futures::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::runs::upload;
use crate::api::support::server::{PATIENCE, Server, problem};

/// The switches, each with what it is set to when it is on and when it is off.
const SWITCHES: [(&str, &str, &str); 13] = [
    ("PROMETHEUS__ENABLED", "true", "false"),
    ("STATSD__ENABLED", "true", "false"),
    ("LOKI__ENABLED", "true", "false"),
    ("TRACING__ENABLED", "true", "false"),
    ("TELEGRAM__ENABLED", "true", "false"),
    ("TELEGRAM__BOT", "true", "false"),
    ("AI__ENABLED", "true", "false"),
    // Set to a folder of the test's where it is on.
    ("LOG__DIR", "", ""),
    ("HTTP_METRICS__GROUP_STATUS_CODES", "true", "false"),
    ("HTTP_METRICS__IGNORE_UNMATCHED", "true", "false"),
    ("HTTP_METRICS__IN_PROGRESS", "true", "false"),
    ("HTTP_METRICS__SIZES", "true", "false"),
    ("HTTP_METRICS__EXCLUDED_ROUTES", "^/livez$", ""),
];

/// Rows of the array: a power of two above the number of switches.
const ROWS: usize = 16;

/// Servers that are tried out at one time: each waits most of the time.
const AT_A_TIME: usize = 3;

/// A listener for all that a server can send.
struct World {
    statsd: Agent,
    loki: Receiver,
    collector: Collector,
    telegram: StubService,
    ai: StubService,
    logs: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl World {
    async fn new(is_on: impl Fn(&str) -> bool) -> Self {
        let statsd = Agent::start();
        let ((loki, loki_url), (collector, collector_url)) = (Receiver::start().await, Collector::start().await);
        let ((telegram, telegram_url), (ai, ai_url)) =
            (StubService::start(StatusCode::OK).await, StubService::start(StatusCode::OK).await);
        let logs = tempfile::tempdir().unwrap();
        let mut variables = vec![
            ("STATSD__ADDRESS", statsd.address().to_owned()),
            ("STATSD__INTERVAL", "100ms".to_owned()),
            ("LOKI__URL", loki_url),
            ("TRACING__ENDPOINT", collector_url),
            ("TELEGRAM__BASE_URL", telegram_url),
            ("TELEGRAM__TOKEN", "123456:a-token-that-is-none".to_owned()),
            ("TELEGRAM__CHAT_ID", "1".to_owned()),
            ("AI__BASE_URL", ai_url),
            ("AI__MODEL", "some-model".to_owned()),
        ];
        for (switch, on, off) in SWITCHES {
            variables.push((switch, if is_on(switch) { on } else { off }.to_owned()));
        }
        if is_on("LOG__DIR") {
            variables.push(("LOG__DIR", logs.path().display().to_string()));
        }
        Self { statsd, loki, collector, telegram, ai, logs, variables }
    }

    /// The switches whose listeners heard something.
    fn heard(&self, packets: &str) -> Vec<&'static str> {
        let heard = [
            ("STATSD__ENABLED", packets.contains("http_requests_total")),
            ("LOKI__ENABLED", !self.loki.lines().is_empty()),
            ("TRACING__ENABLED", !self.collector.spans().is_empty()),
            ("TELEGRAM__ENABLED", !self.telegram.asked().is_empty()),
            ("AI__ENABLED", !self.ai.asked().is_empty()),
            ("LOG__DIR", std::fs::read_dir(self.logs.path()).unwrap().next().is_some()),
        ];
        heard.into_iter().filter(|(_, heard)| *heard).map(|(switch, _)| switch).collect()
    }
}

/// What clients see of the API, ids and times left out.
async fn answers(server: &Server) -> Value {
    let id = upload(server, "a,b\n1,2\n3,4\n").await;
    let dataset = server.json(&format!("/api/v1/datasets/{id}")).await;
    let unmatched = problem(server.get("/nowhere").await, StatusCode::NOT_FOUND, "not_found").await;
    let livez = server.get("/livez").await.text().await.unwrap();
    // On a busy machine a check may be late once, which says nothing of the switches.
    let health = eventually("every check passes", PATIENCE, async || {
        let health = server.await_status("/health", StatusCode::OK).await;
        if health["status"] == "ok" { Ok(health) } else { Err(health.to_string()) }
    })
    .await;
    json!({
        "dataset": [dataset["rows"], dataset["columns"]],
        "unmatched": unmatched.as_object().unwrap().keys().collect::<Vec<_>>(),
        "livez": livez,
        "health": [health["status"], health["checks"].as_object().unwrap().keys().collect::<Vec<_>>()],
    })
}

/// What the page says of those answers, when there is one.
async fn check_page(server: &Server, is_on: impl Fn(&str) -> bool) {
    let grouped = |status: &'static str, group: &'static str| {
        if is_on("HTTP_METRICS__GROUP_STATUS_CODES") { group } else { status }
    };
    let stored = format!(
        r#"http_requests_total{{method="POST",endpoint="/api/v1/datasets",status="{}"}}"#,
        grouped("201", "2xx")
    );
    server.await_metric(&stored, 1.0).await;
    let page = server.get("/metrics").await.text().await.unwrap();
    let expected = [
        (r#"endpoint="unmatched""#, !is_on("HTTP_METRICS__IGNORE_UNMATCHED")),
        ("http_requests_in_progress{", is_on("HTTP_METRICS__IN_PROGRESS")),
        ("http_request_size_bytes_bucket{", is_on("HTTP_METRICS__SIZES")),
        (r#"endpoint="/livez""#, !is_on("HTTP_METRICS__EXCLUDED_ROUTES")),
        (r#"belfry_uploads_total{outcome="stored"} 1"#, true),
    ];
    for (text, is_there) in expected {
        assert_eq!(page.contains(text), is_there, "{text}");
    }
}

/// Runs a server with these switches and returns what clients saw.
async fn try_out(is_on: impl Fn(&str) -> bool + Copy) -> Value {
    let world = World::new(is_on).await;
    let variables: Vec<(&str, &str)> = world.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    println!("{variables:?}");
    let mut server = Server::start_with(&variables).await;
    let answers = answers(&server).await;
    if is_on("PROMETHEUS__ENABLED") {
        check_page(&server, is_on).await;
    } else {
        problem(server.get("/metrics").await, StatusCode::NOT_FOUND, "not_found").await;
    }
    if is_on("STATSD__ENABLED") {
        eventually("StatsD is sent the requests", PATIENCE, async || {
            let packets = world.statsd.packets();
            if packets.contains("http_requests_total") { Ok(()) } else { Err(packets) }
        })
        .await;
    }
    // The end delivers what is pending, so that from then on silence means that there is nothing.
    assert_eq!(server.stop().await, Some(0));
    let packets = world.statsd.all_packets().await;
    let senders =
        ["STATSD__ENABLED", "LOKI__ENABLED", "TRACING__ENABLED", "TELEGRAM__ENABLED", "AI__ENABLED", "LOG__DIR"];
    let on: Vec<&str> = senders.into_iter().filter(|switch| is_on(switch)).collect();
    assert_eq!(world.heard(&packets), on, "who sent something, and who is switched on");
    assert!(is_on("STATSD__ENABLED") || packets.is_empty(), "{packets}");
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_what_is_switched_on_sends_and_the_api_is_the_same() {
    let all_off = try_out(|_| false).await;
    let rows = (0..ROWS).map(|row| {
        let is_on = move |switch: &str| {
            let number = 1 + SWITCHES.iter().position(|(name, ..)| *name == switch).unwrap();
            (row & number).count_ones() % 2 == 0
        };
        async move { (row, try_out(is_on).await) }
    });
    let mut tried = futures::stream::iter(rows).buffer_unordered(AT_A_TIME);
    while let Some((row, answers)) = tried.next().await {
        assert_eq!(answers, all_off, "row {row}");
    }
}

#[tokio::test]
async fn with_monitoring_off_there_is_no_page_and_the_api_works() {
    let server = Server::start_with(&[("PROMETHEUS__ENABLED", "false")]).await;
    problem(server.get("/metrics").await, StatusCode::NOT_FOUND, "not_found").await;
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
}
