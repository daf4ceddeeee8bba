//! Alertmanager's notifications at the webhook.

use belfry_test_support::{PATIENCE, eventually};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::api::support::alertmanager::Alertmanager;
use crate::api::support::server::{Server, problem};

const PATH: &str = "/api/v1/alerts/webhook";
const TOKEN: &str = "a-token-of-its-own";

async fn start() -> Server {
    // The alerts of these notifications ended long ago.
    Server::start_with(&[("ALERTS__WEBHOOK_TOKEN", TOKEN), ("RETENTION__ALERTS", "3650d")]).await
}

async fn send(server: &Server, token: &str, body: impl Into<reqwest::Body>) -> Response {
    let request = server.client.post(format!("{}{PATH}", server.url)).bearer_auth(token);
    request.header("content-type", "application/json").body(body).send().await.unwrap()
}

fn alert(number: usize, status: &str) -> Value {
    json!({
        "status": status, "fingerprint": format!("{number:016x}"), "generatorURL": "",
        "labels": {"alertname": format!("Alert{number}"), "severity": "critical", "job": "backend"},
        "annotations": {"summary": "Too many errors", "description": "6 % of the requests", "dashboard_url": "/d/http"},
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T01:00:00Z",
    })
}

fn notification(alerts: &[Value]) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "backend",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://a", "alerts": alerts,
    })
}

async fn listed(server: &Server, query: &str) -> Vec<Value> {
    server.json(&format!("/api/v1/alerts?source=alertmanager{query}")).await["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_notification_is_stored_listed_and_counted() {
    let server = start().await;
    let firing = notification(&[alert(1, "firing"), alert(2, "firing")]).to_string();
    for _ in 0..2 {
        assert_eq!(send(&server, TOKEN, firing.clone()).await.status(), StatusCode::NO_CONTENT);
    }
    let open = listed(&server, "&state=open").await;
    assert_eq!(open.len(), 2, "told twice is stored once: {open:?}");
    let first = open.iter().find(|alert| alert["name"] == "Alert1").unwrap();
    assert_eq!(first["raised_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(first["labels"], json!({"alertname": "Alert1", "severity": "critical", "job": "backend"}));
    assert_eq!((&first["dashboard_url"], &first["fingerprint"]), (&"/d/http".into(), &"0000000000000001".into()));
    let answer = send(&server, TOKEN, notification(&[alert(1, "resolved")]).to_string()).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let resolved = listed(&server, "&state=resolved&severity=critical").await;
    assert_eq!(resolved.len(), 1, "{resolved:?}");
    assert_eq!(resolved[0]["resolved_at"], "2026-01-01T01:00:00.000000Z");
    assert_eq!(listed(&server, "&severity=info").await, Vec::<Value>::new());
    server.await_metric(r#"belfry_alert_notifications_total{outcome="stored"}"#, 3.0).await;
    server.await_metric(r#"belfry_alerts_total{change="raised",severity="critical"}"#, 2.0).await;
    server.await_metric(r#"belfry_alerts_total{change="resolved",severity="critical"}"#, 1.0).await;
}

#[tokio::test]
async fn hostile_notifications_are_refused_and_store_nothing() {
    let server = start().await;
    let many: Vec<Value> = (0..3_000)
        .map(|number| {
            json!({
                "status": "firing", "fingerprint": format!("{number:x}"), "labels": {}, "annotations": {},
                "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            })
        })
        .collect();
    let mut of_version_3 = notification(&[alert(1, "firing")]);
    of_version_3["version"] = "3".into();
    let mut missing = alert(1, "firing");
    missing.as_object_mut().unwrap().remove("startsAt");
    let mut odd_time = alert(1, "firing");
    odd_time["startsAt"] = "yesterday".into();
    let refusals = [
        (of_version_3.to_string(), StatusCode::UNPROCESSABLE_ENTITY, "invalid_notification", "found \"3\""),
        (notification(&many).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "too_many_alerts", "found 3000"),
        (notification(&[missing]).to_string(), StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", "startsAt"),
        (
            notification(&[odd_time]).to_string(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            "startsAt: failed to parse",
        ),
        ("{}".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", "version"),
        ("[]".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", "an object"),
        ("{\"version\"".to_owned(), StatusCode::BAD_REQUEST, "invalid_json", "EOF"),
        (" ".repeat(10 << 20), StatusCode::PAYLOAD_TOO_LARGE, "too_large", "2097152"),
    ];
    let count = refusals.len();
    for (body, status, code, detail) in refusals {
        let said = problem(send(&server, TOKEN, body).await, status, code).await;
        assert!(said["detail"].as_str().unwrap().contains(detail), "{said}");
    }
    assert_eq!(listed(&server, "").await, Vec::<Value>::new());
    server.await_metric(r#"belfry_alert_notifications_total{outcome="invalid"}"#, count as f64).await;
}

#[tokio::test]
async fn who_has_not_the_token_is_refused() {
    let server = start().await;
    let body = notification(&[alert(1, "firing")]).to_string();
    for token in ["", "another", &TOKEN[1..], &format!("{TOKEN}x")] {
        let answer = send(&server, token, body.clone()).await;
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        problem(answer, StatusCode::UNAUTHORIZED, "unauthorized").await;
    }
    let without = server.client.post(format!("{}{PATH}", server.url)).body(body.clone()).send().await.unwrap();
    problem(without, StatusCode::UNAUTHORIZED, "unauthorized").await;
    let off = Server::start().await;
    let refused = problem(send(&off, TOKEN, body.clone()).await, StatusCode::FORBIDDEN, "webhook_off").await;
    assert!(refused["detail"].as_str().unwrap().contains("ALERTS__WEBHOOK_TOKEN"), "{refused}");
    let empty = problem(send(&off, "", body).await, StatusCode::FORBIDDEN, "webhook_off").await;
    assert!(!empty.to_string().contains(TOKEN));
    assert_eq!(listed(&server, "").await, Vec::<Value>::new());
    server.await_metric(r#"belfry_alert_notifications_total{outcome="refused"}"#, 5.0).await;
}

#[tokio::test]
async fn two_servers_told_the_same_at_once_keep_it_once() {
    let first = start().await;
    let second = first.beside();
    let alerts: Vec<Value> = (0..200).map(|number| alert(number, "firing")).collect();
    let ended: Vec<Value> = (0..200).map(|number| alert(number, "resolved")).rev().collect();
    for told in [&alerts, &ended] {
        let body = notification(told).to_string();
        let servers = [&first, &second, &first, &second];
        let sent = servers.map(|server| {
            let body = body.clone();
            // As Alertmanager does of what is answered by 5xx: a database that is busy for longer than a request may wait.
            eventually("the notification is taken", PATIENCE, async move || {
                let answer = send(server, TOKEN, body.clone()).await;
                if answer.status() == StatusCode::NO_CONTENT { Ok(()) } else { Err(answer.text().await.unwrap()) }
            })
        });
        futures::future::join_all(sent).await;
    }
    let counted = async |change: &str| {
        let series = format!(r#"belfry_alerts_total{{change="{change}",severity="critical"}}"#);
        first.metric(&series).await.unwrap() + second.metric(&series).await.unwrap()
    };
    assert_eq!((counted("raised").await, counted("resolved").await), (200.0, 200.0));
    assert_eq!(listed(&first, "&state=open").await, Vec::<Value>::new());
    let query = "SELECT COUNT(*) FROM alerts WHERE fingerprint <> ''";
    let rows: i64 = sqlx::query_scalar(query).fetch_one(&first.database().await).await.unwrap();
    assert_eq!(rows, 200);
}

#[tokio::test]
async fn a_canary_is_measured_once_and_not_kept() {
    let server = start().await;
    let mut canary = alert(1, "firing");
    canary["labels"]["alertname"] = "AlertDeliveryCanary".into();
    let start = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(7);
    canary["startsAt"] = start.to_string().into();
    let mut ended = canary.clone();
    ended["status"] = "resolved".into();
    for told in [&canary, &canary, &ended] {
        let answer = send(&server, TOKEN, notification(std::slice::from_ref(told)).to_string()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(listed(&server, "").await, Vec::<Value>::new());
    server.await_metric("belfry_alert_delivery_seconds_count", 1.0).await;
    let took = server.metric("belfry_alert_delivery_seconds_sum").await.unwrap();
    assert!((7.0..60.0).contains(&took), "{took}");
    let last = server.metric("belfry_alert_delivery_last_timestamp_seconds").await.unwrap();
    assert!(last >= start.as_second() as f64, "{last}");
}

#[tokio::test]
async fn a_real_alertmanager_tells_of_start_and_end() {
    let server = start().await;
    let started = Alertmanager::start_notifying(&format!("{}{PATH}", server.url), TOKEN).await;
    let Some(alertmanager) = started else { return };
    let labels = json!({"alertname": "HttpErrorsHigh", "severity": "critical", "job": "backend"});
    let annotations =
        json!({"summary": "Too many", "description": "6 %", "runbook_url": "docs/runbook.md#httperrorshigh"});
    let now = |seconds: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string();
    let starts_at = now(-60);
    alertmanager
        .tell(&json!([{"labels": labels, "annotations": annotations, "startsAt": starts_at, "endsAt": now(3600)}]))
        .await;
    let awaited = async |state: &str| {
        eventually(state, PATIENCE, async || {
            let found = listed(&server, &format!("&state={state}")).await;
            if found.len() == 1 { Ok(found[0].clone()) } else { Err(format!("{found:?}")) }
        })
        .await
    };
    let open = awaited("open").await;
    assert_eq!((&open["name"], &open["labels"]), (&"HttpErrorsHigh".into(), &labels));
    assert_eq!(open["runbook_url"], "docs/runbook.md#httperrorshigh");
    alertmanager
        .tell(&json!([{"labels": labels, "annotations": annotations, "startsAt": starts_at, "endsAt": now(-1)}]))
        .await;
    let resolved = awaited("resolved").await;
    assert_eq!((&resolved["id"], &resolved["raised_at"]), (&open["id"], &open["raised_at"]));
}
