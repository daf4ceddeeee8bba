//! The list of events, and the counters that are read from the ledger.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{PATH, SECRET, payment, send, sent, start, subscription};
use crate::api::support::server::{Server, problem};

#[tokio::test]
async fn events_are_listed_newest_first_in_pages_and_by_type() {
    let server = start().await;
    for number in 0..5 {
        sent(&server, &format!("msg_{number}"), &payment("succeeded", number, "KWD")).await;
    }
    sent(&server, "msg_5", &subscription("cancelled")).await;
    let all = server.json(PATH).await;
    let names = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["webhook_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&all), ["msg_5", "msg_4", "msg_3", "msg_2", "msg_1", "msg_0"]);
    let (cancelled, paid) = (&all["items"][0], &all["items"][1]);
    let expected =
        json!([paid["id"], "msg_4", "payment.succeeded", "2026-11-28T11:00:00.250000Z", "cus_1", null, 4, "KWD", 3]);
    let fields = [
        "id",
        "webhook_id",
        "type",
        "occurred_at",
        "customer_id",
        "subscription_id",
        "amount_minor",
        "currency",
        "currency_exponent",
    ];
    assert_eq!(Value::from(fields.map(|field| paid[field].clone()).to_vec()), expected);
    assert_eq!((&cancelled["plan"], &cancelled["amount_minor"]), (&"team".into(), &Value::Null));
    let page = server.json(&format!("{PATH}?type=payment.succeeded&limit=3")).await;
    assert_eq!(names(&page), ["msg_4", "msg_3", "msg_2"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = server.json(&format!("{PATH}?type=payment.succeeded&limit=3&cursor={cursor}")).await;
    assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["msg_1".to_owned(), "msg_0".to_owned()], &Value::Null));
    for (query, code) in [
        ("?type=invoice.created", "invalid_query"),
        ("?type=other", "invalid_query"),
        ("?type=%00", "invalid_query"),
        ("?limit=201", "invalid_limit"),
        ("?cursor=%00", "invalid_cursor"),
        ("?customer=1", "invalid_query"),
    ] {
        problem(server.get(&format!("{PATH}{query}")).await, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test]
async fn counters_are_the_ledgers_after_a_restart_and_switched_off() {
    let mut server = start().await;
    sent(&server, "msg_1", &subscription("started")).await;
    sent(&server, "msg_2", &payment("succeeded", 1_900, "EUR")).await;
    sent(&server, "msg_3", &payment("refunded", 400, "EUR")).await;
    let totals = [
        ("belfry_subscription_conversions_total", 1.0),
        (r#"belfry_revenue_minor_units_total{currency="EUR"}"#, 1_900.0),
        (r#"belfry_refunds_minor_units_total{currency="EUR"}"#, 400.0),
    ];
    for (series, value) in totals {
        server.await_metric(series, value).await;
    }
    let last = server.metric("belfry_billing_last_event_timestamp_seconds").await;
    // Without a secret nothing is taken, and what was is still known.
    server.stop().await;
    server.start_again(&[("BILLING__WEBHOOK_SECRET", "")]);
    for (series, value) in totals {
        server.await_metric(series, value).await;
    }
    assert_eq!(server.metric("belfry_billing_last_event_timestamp_seconds").await, last);
    assert_eq!(server.json(PATH).await["items"].as_array().unwrap().len(), 3);
    let off = send(&server, "msg_4", &subscription("renewed").to_string()).await;
    let said = problem(off, StatusCode::SERVICE_UNAVAILABLE, "billing_disabled").await;
    assert!(said["detail"].as_str().unwrap().contains("BILLING__WEBHOOK_SECRET"), "{said}");
    assert_eq!(server.metric(&super::counted("unread", "off")).await, Some(1.0));
    server.stop().await;
    server.start_again(&[("BILLING__WEBHOOK_SECRET", SECRET)]);
    assert_eq!(sent(&server, "msg_3", &payment("refunded", 400, "EUR")).await, "repeated");
}

#[tokio::test]
async fn without_a_secret_no_body_is_read() {
    let server = Server::start().await;
    let refused = send(&server, "msg_1", &" ".repeat(10 << 20)).await;
    problem(refused, StatusCode::SERVICE_UNAVAILABLE, "billing_disabled").await;
    server.await_metric("belfry_subscription_conversions_total", 0.0).await;
}
