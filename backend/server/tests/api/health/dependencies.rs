//! The health checks of other services: what they ask, what they make of the answer, and what never gets out.

use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use belfry_test_support::stub::{StubService, hanging};
use reqwest::StatusCode as Status;
use serde_json::Value;

use crate::api::support::prometheus::{Prometheus, there_is_no_prometheus};
use crate::api::support::server::{PATIENCE, Server};

const TOKEN: &str = "123456:a-very-SECRET_token";
const KEY: &str = "sk-another-secret";
const MODEL: (&str, &str) = ("AI__MODEL", "some-model");

async fn check(server: &Server, name: &str) -> Value {
    let health: Value = server.get("/health").await.json().await.unwrap();
    health["checks"][name].clone()
}

async fn await_check(server: &Server, name: &str, status: &str) -> Value {
    eventually(&format!("{name} is {status}"), PATIENCE, async || {
        let check = check(server, name).await;
        if check["status"] == status { Ok(check) } else { Err(check.to_string()) }
    })
    .await
}

#[tokio::test]
async fn what_is_switched_off_is_disabled_and_says_by_what() {
    let server = Server::start().await;
    let expected = [
        ("ai", "AI__ENABLED is false"),
        ("telegram", "TELEGRAM__ENABLED is false"),
        ("loki", "LOKI__ENABLED is false"),
        ("prometheus", "PROMETHEUS__URL is not set"),
    ];
    for (name, message) in expected {
        let check = check(&server, name).await;
        assert_eq!((&check["status"], &check["healthy"]), (&"disabled".into(), &Value::Null), "{name}: {check}");
        assert_eq!(check["message"], message);
    }
    assert_eq!(server.metric(r#"health_check_status{check="database"}"#).await, Some(1.0));
    let page = server.get("/metrics").await.text().await.unwrap();
    for (name, _) in expected {
        assert!(!page.contains(&format!("check=\"{name}\"")), "{name} is switched off and has a series");
    }
}

#[tokio::test]
async fn the_ai_provider_is_asked_for_its_models_with_the_key() {
    let (service, url) = StubService::start(Status::OK).await;
    let base = format!("{url}/v1/");
    let ai = [("AI__ENABLED", "true"), ("AI__BASE_URL", base.as_str()), ("AI__API_KEY", KEY), MODEL];
    let server = Server::start_with(&ai).await;
    let check = await_check(&server, "ai", "ok").await;
    assert_eq!(check["message"], "lists its models");
    assert_eq!(service.asked()[0], ("/v1/models".to_owned(), Some(format!("Bearer {KEY}"))));
    let calls = r#"external_api_requests_total{service="ai",endpoint="/models",status="200"}"#;
    assert!(server.metric(calls).await >= Some(1.0));
    assert!(server.metric(r#"external_api_duration_seconds_count{service="ai"}"#).await >= Some(1.0));

    service.answer_with(Status::UNAUTHORIZED);
    let check = await_check(&server, "ai", "failed").await;
    assert_eq!(check["message"], "answers 401: look at AI__API_KEY");
    service.answer_with(Status::BAD_GATEWAY);
    // A report is given again for a second.
    eventually("the new answer is told", Duration::from_secs(3), async || {
        let message = self::check(&server, "ai").await["message"].clone();
        if message == "answers 502" { Ok(()) } else { Err(message.to_string()) }
    })
    .await;
    assert_eq!(server.metric(r#"health_check_status{check="ai"}"#).await, Some(0.0));
}

#[tokio::test]
async fn telegrams_token_goes_to_telegram_and_nowhere_else() {
    let (service, url) = StubService::start(Status::OK).await;
    // As talkative as it can be.
    let telegram = [("TELEGRAM__ENABLED", "true"), ("TELEGRAM__TOKEN", TOKEN), ("TELEGRAM__CHAT_ID", "1")];
    let others = [("TELEGRAM__BASE_URL", url.as_str()), ("AI__API_KEY", KEY), ("LOG__LEVEL", "trace,sqlx=trace")];
    let settings = [telegram, others].concat();
    let mut server = Server::start_with(&settings).await;
    await_check(&server, "telegram", "ok").await;
    assert_eq!(service.asked()[0].0, format!("/bot{TOKEN}/getMe"));
    let mut shown = server.get("/health").await.text().await.unwrap();
    service.answer_with(Status::UNAUTHORIZED);
    let check = await_check(&server, "telegram", "failed").await;
    assert_eq!(check["message"], "answers 401: look at TELEGRAM__TOKEN");
    // Nobody listens on port 9: the client's own error would hold the URL.
    server.stop().await;
    server.start_again(&[("TELEGRAM__BASE_URL", "http://127.0.0.1:9")]);
    let check = await_check(&server, "telegram", "failed").await;
    assert_eq!(check["message"], "cannot be reached");
    shown += &server.get("/metrics").await.text().await.unwrap();
    let calls = r#"external_api_requests_total{service="telegram",endpoint="getMe",status="unreachable"}"#;
    assert!(server.metric(calls).await >= Some(1.0));
    server.stop().await;
    shown += &server.log.lock().unwrap().join("\n");
    for secret in [TOKEN, "a-very-SECRET_token", KEY] {
        assert!(!shown.contains(secret), "{:?}", shown.lines().find(|line| line.contains(secret)));
    }
}

#[tokio::test]
async fn loki_is_asked_whether_it_is_ready() {
    let (service, url) = StubService::start(Status::SERVICE_UNAVAILABLE).await;
    let server = Server::start_with(&[("LOKI__ENABLED", "true"), ("LOKI__URL", &url)]).await;
    let check = await_check(&server, "loki", "failed").await;
    assert_eq!(check["message"], "answers 503");
    assert!(service.asked().iter().any(|(path, _)| path == "/ready"));
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(server.get("/readyz").await.status(), 200);
    service.answer_with(Status::OK);
    await_check(&server, "loki", "ok").await;
}

#[tokio::test]
async fn what_hangs_is_told_and_never_hangs_the_answer() {
    let (_ai, ai_url) = hanging().await;
    let (_telegram, telegram_url) = hanging().await;
    let ai = [("AI__ENABLED", "true"), ("AI__BASE_URL", ai_url.as_str()), MODEL];
    let telegram = [
        ("TELEGRAM__ENABLED", "true"),
        ("TELEGRAM__TOKEN", TOKEN),
        ("TELEGRAM__CHAT_ID", "1"),
        ("TELEGRAM__BASE_URL", &telegram_url),
    ];
    let server = Server::start_with(&[&ai[..], &telegram[..]].concat()).await;
    for path in ["/health", "/healthz", "/readyz", "/health"] {
        let started = Instant::now();
        let answer = server.get(path).await;
        // The largest deadline is 1.7 s; the rest is for a busy machine. Readiness waits for no optional check at all.
        let bound = Duration::from_millis(if path == "/health" { 2_700 } else { 1_200 });
        assert!(started.elapsed() < bound, "{path} took {:?}", started.elapsed());
        assert_eq!(answer.status(), 200, "{path}");
        tokio::time::sleep(Duration::from_millis(1_100)).await; // So that it is asked anew.
    }
    for name in ["ai", "telegram"] {
        let check = await_check(&server, name, "failed").await;
        assert_eq!(check["message"], "no answer in time", "{check}");
        assert_eq!(check["required"], false);
    }
    assert_eq!(check(&server, "database").await["status"], "ok");
    let calls = r#"external_api_requests_total{service="ai",endpoint="/models",status="timeout"}"#;
    assert!(server.metric(calls).await >= Some(1.0));
}

#[tokio::test]
async fn probes_are_no_load_generator() {
    let (service, url) = StubService::start(Status::OK).await;
    let server = Server::start_with(&[("AI__ENABLED", "true"), ("AI__BASE_URL", &url), MODEL]).await;
    await_check(&server, "ai", "ok").await;
    let database = r#"health_check_duration_seconds_count{check="database"}"#;
    let checked = server.metric(database).await.unwrap();
    let (before, started) = (service.asked().len(), Instant::now());
    let mut answers = 0;
    while started.elapsed() < Duration::from_secs(2) {
        let paths = ["/health", "/healthz", "/readyz", "/health"];
        answers += futures::future::join_all(paths.map(|path| server.get(path))).await.len();
    }
    let runs = service.asked().len() - before;
    // At most one a second; the first and the last are not whole seconds.
    let most = started.elapsed().as_secs() + 2;
    assert!(runs as u64 <= most, "{answers} answers were {runs} runs in {:?}", started.elapsed());
    // Each check by itself, whichever route asks.
    let checked = server.metric(database).await.unwrap() - checked;
    assert!(checked <= most as f64, "{answers} answers were {checked} writes in {:?}", started.elapsed());
    assert!(answers > 8, "{answers}");
}

#[tokio::test]
async fn a_real_prometheus_says_whether_it_scrapes_this_very_process() {
    if there_is_no_prometheus() {
        return;
    }
    let mut server = Server::start().await;
    let scraper = Prometheus::start(&server.url);
    let port = server.url.rsplit_once(':').unwrap().1.to_owned();
    server.stop().await;
    server.start_again(&[("PROMETHEUS__URL", &scraper.url), ("SERVER__PORT", &port)]);
    let check = eventually("this process is scraped", PATIENCE, async || {
        let check = check(&server, "prometheus").await;
        let is_scraped = check["message"].as_str().unwrap().starts_with("scraped this process ");
        if is_scraped { Ok(check) } else { Err(check.to_string()) }
    })
    .await;
    assert_eq!(check["status"], "ok");

    // Another process of the same job, which nobody scrapes: what is known of the first is not taken for it.
    server.stop().await;
    server.start_again(&[("SERVER__PORT", "0")]);
    let check = await_check(&server, "prometheus", "ok").await;
    assert!(check["message"].as_str().unwrap().starts_with("not scraped yet"), "{check}");

    drop(scraper);
    let check = await_check(&server, "prometheus", "failed").await;
    assert_eq!(check["message"], "cannot be reached");
    assert_eq!(server.get("/readyz").await.status(), 200);
}
