//! What is stored, once, whoever delivers it how often.

use belfry_test_support::{PATIENCE, eventually};
use futures::StreamExt;
use reqwest::StatusCode;
use serde_json::json;

use super::{
    NEXT_SECRET, PATH, SECRET, counted, now, payment, rows, send, send_with, sent, signature, start, subscription,
};
use crate::api::support::server::{Server, problem};

#[tokio::test]
async fn an_event_is_stored_once_and_counted_once() {
    let server = start().await;
    let event = payment("succeeded", 1_900, "EUR");
    assert_eq!(sent(&server, "msg_1", &event).await, "stored");
    assert_eq!(sent(&server, "msg_1", &event).await, "repeated");
    let another = send(&server, "msg_1", &payment("succeeded", 1_901, "EUR").to_string()).await;
    problem(another, StatusCode::CONFLICT, "webhook_id_reused").await;
    assert_eq!(sent(&server, "msg_2", &subscription("started")).await, "stored");
    assert_eq!(rows(&server).await, 2);
    server.await_metric(r#"belfry_revenue_minor_units_total{currency="EUR"}"#, 1_900.0).await;
    server.await_metric("belfry_subscription_conversions_total", 1.0).await;
    for outcome in ["stored", "repeated", "conflict"] {
        assert_eq!(server.metric(&counted("payment.succeeded", outcome)).await, Some(1.0), "{outcome}");
    }
    let last = server.metric("belfry_billing_last_event_timestamp_seconds").await.unwrap();
    assert!((now() as f64 - last).abs() < 120.0, "{last}");
}

#[tokio::test]
async fn types_that_are_not_kept_are_taken_and_counted() {
    let server = start().await;
    for event in [json!({"type": "invoice.created"}), json!({"type": "other", "data": [1]})] {
        assert_eq!(sent(&server, "msg_1", &event).await, "ignored");
    }
    assert_eq!(rows(&server).await, 0);
    assert_eq!(server.metric(&counted("other", "ignored")).await, Some(2.0));
    assert_eq!(sent(&server, "msg_1", &subscription("renewed")).await, "stored", "its id was not taken");
}

#[tokio::test]
async fn a_secret_and_its_successor_are_both_valid() {
    let both = format!("{SECRET}\n{NEXT_SECRET}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets");
    std::fs::write(&file, both).unwrap();
    let server = Server::start_with(&[("BILLING__WEBHOOK_SECRET_FILE", file.to_str().unwrap())]).await;
    let (body, seconds) = (subscription("started").to_string(), now());
    let old = signature(SECRET, "msg_1", seconds, &body);
    let new = signature(NEXT_SECRET, "msg_1", seconds, &body);
    let none = signature("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "msg_1", seconds, &body);
    for signatures in [old.clone(), new.clone(), format!("{none} {new}"), format!("v1a,AAAA {old} {none}")] {
        let answer = send_with(&server, "msg_1", seconds, &signatures, &body).await;
        assert_eq!(answer.status(), StatusCode::OK, "{signatures}");
    }
    problem(send_with(&server, "msg_1", seconds, &none, &body).await, StatusCode::UNAUTHORIZED, "signature_mismatch")
        .await;
    assert_eq!(rows(&server).await, 1);
}

#[tokio::test]
async fn fifty_deliveries_at_once_to_two_servers_are_one() {
    let first = start().await;
    let second = first.beside();
    let event = payment("succeeded", 500, "JPY");
    let deliveries = (0..50).map(|number| {
        let (server, event) = (if number % 2 == 0 { &first } else { &second }, &event);
        // As a provider does of what is answered by 5xx: a database that is busy for longer than a request may wait.
        eventually("the event is taken", PATIENCE, async move || {
            let answer = send(server, "msg_1", &event.to_string()).await;
            if answer.status() == StatusCode::OK { Ok(()) } else { Err(answer.text().await.unwrap()) }
        })
    });
    futures::future::join_all(deliveries).await;
    assert_eq!(rows(&first).await, 1);
    let total = async |outcome: &str| {
        let series = counted("payment.succeeded", outcome);
        first.metric(&series).await.unwrap() + second.metric(&series).await.unwrap()
    };
    assert_eq!((total("stored").await, total("repeated").await), (1.0, 49.0));
    for server in [&first, &second] {
        server.await_metric(r#"belfry_revenue_minor_units_total{currency="JPY"}"#, 500.0).await;
    }
}

#[tokio::test]
async fn many_events_at_once_are_all_in_the_totals() {
    let first = start().await;
    let second = first.beside();
    let deliveries = (0..60).map(|number: i64| {
        let server = if number % 2 == 0 { &first } else { &second };
        let currency = ["EUR", "USD", "KWD"][number as usize % 3];
        let kind = if number % 4 == 0 { "refunded" } else { "succeeded" };
        let (id, event) = (format!("msg_{number}"), payment(kind, number, currency).to_string());
        eventually("the event is taken", PATIENCE, async move || {
            let answer = send(server, &id, &event).await;
            if answer.status() == StatusCode::OK { Ok(()) } else { Err(answer.text().await.unwrap()) }
        })
    });
    futures::stream::iter(deliveries).buffer_unordered(30).collect::<Vec<()>>().await;
    assert_eq!(rows(&first).await, 60);
    let sums = "SELECT COUNT(*) FROM billing_totals t WHERE t.amount_minor <> (SELECT SUM(e.amount_minor) FROM billing_events e \
        WHERE e.type = t.type AND e.currency = t.currency) OR t.events <> (SELECT COUNT(*) FROM billing_events e \
        WHERE e.type = t.type AND e.currency = t.currency)";
    let wrong: i64 = sqlx::query_scalar(sums).fetch_one(&first.database().await).await.unwrap();
    assert_eq!(wrong, 0);
    for (index, currency) in ["EUR", "USD", "KWD"].into_iter().enumerate() {
        let of = |refunds: bool| -> f64 {
            let numbers = (0..60).filter(|number| number % 3 == index && (number % 4 == 0) == refunds);
            numbers.sum::<usize>() as f64
        };
        for server in [&first, &second] {
            server
                .await_metric(&format!("belfry_revenue_minor_units_total{{currency=\"{currency}\"}}"), of(false))
                .await;
            server
                .await_metric(&format!("belfry_refunds_minor_units_total{{currency=\"{currency}\"}}"), of(true))
                .await;
        }
    }
}

#[tokio::test]
async fn a_killed_server_keeps_whole_events_and_its_totals() {
    let mut server = start().await;
    let (client, url) = (server.client.clone(), format!("{}{PATH}", server.url));
    let acknowledged = tokio::spawn(async move {
        let mut acknowledged = 0;
        // Until the server is gone.
        for number in 0.. {
            let (id, body, seconds) = (format!("msg_{number}"), payment("succeeded", 1, "EUR").to_string(), now());
            let request = client.post(&url).header("webhook-id", &id).header("webhook-timestamp", seconds.to_string());
            let request = request.header("webhook-signature", signature(SECRET, &id, seconds, &body));
            match request.body(body).send().await {
                Ok(answer) if answer.status() == StatusCode::OK => acknowledged += 1,
                Ok(answer) => panic!("{}", answer.text().await.unwrap()),
                Err(_) => break,
            }
        }
        acknowledged
    });
    server.await_metric_at_least(&counted("payment.succeeded", "stored"), 20.0).await;
    server.kill();
    let acknowledged: i64 = acknowledged.await.unwrap();
    server.start_again(&[]);
    let stored = rows(&server).await;
    // The last one may have been stored without an answer.
    assert!((acknowledged..=acknowledged + 1).contains(&stored), "{acknowledged} acknowledged, {stored} stored");
    server.await_metric(r#"belfry_revenue_minor_units_total{currency="EUR"}"#, stored as f64).await;
    assert_eq!(server.metric(&counted("payment.succeeded", "stored")).await, Some(0.0), "of this process only");
}
