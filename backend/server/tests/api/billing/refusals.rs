//! What is not signed, or no event: a clear error, and nothing is stored.

use reqwest::StatusCode;

use super::{NEXT_SECRET, PATH, SECRET, counted, now, payment, rows, send, send_with, signature, start, subscription};
use crate::api::support::server::problem;

#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let server = start().await;
    let (body, seconds) = (subscription("started").to_string(), now());
    let right = signature(SECRET, "msg_1", seconds, &body);
    let (early, late) = (seconds + 360, seconds - 360);
    let refusals = [
        (seconds, signature(NEXT_SECRET, "msg_1", seconds, &body), "signature_mismatch"),
        (seconds, signature(SECRET, "msg_2", seconds, &body), "signature_mismatch"),
        (seconds - 1, right.clone(), "signature_mismatch"),
        (seconds, right.replace("v1,", "v2,"), "signature_invalid"),
        (seconds, "v1,".to_owned(), "signature_mismatch"),
        (early, signature(SECRET, "msg_1", early, &body), "timestamp_out_of_tolerance"),
        (late, signature(SECRET, "msg_1", late, &body), "timestamp_out_of_tolerance"),
        (-1, signature(SECRET, "msg_1", -1, &body), "signature_invalid"),
    ];
    let count = refusals.len() + 2;
    for (seconds, signatures, code) in refusals {
        let answer = send_with(&server, "msg_1", seconds, &signatures, &body).await;
        assert_eq!(answer.headers()["www-authenticate"], "StandardWebhooks");
        problem(answer, StatusCode::UNAUTHORIZED, code).await;
    }
    let unsigned = server.client.post(format!("{}{PATH}", server.url)).body(body.clone()).send().await.unwrap();
    let said = problem(unsigned, StatusCode::UNAUTHORIZED, "signature_missing").await;
    assert!(said["detail"].as_str().unwrap().contains("webhook-id"), "{said}");
    let other_body = send_with(&server, "msg_1", seconds, &right, &format!("{body} ")).await;
    problem(other_body, StatusCode::UNAUTHORIZED, "signature_mismatch").await;
    assert_eq!(server.metric(&counted("unread", "refused")).await, Some(count as f64));
    assert_eq!(rows(&server).await, 0);
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_store_nothing() {
    let server = start().await;
    let with = |field: &str, value: &str| {
        format!(
            r#"{{"type": "payment.succeeded", "timestamp": "2026-11-28T12:00:00Z",
                "data": {{"customer_id": "a", "currency": "EUR", "amount_minor": 1, "{field}": {value}}}}}"#
        )
    };
    let without = |field: &str| {
        let mut event = payment("succeeded", 1, "EUR");
        event["data"].as_object_mut().unwrap().remove(field);
        event.to_string()
    };
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let refusals = [
        ("no json".to_owned(), StatusCode::BAD_REQUEST, "invalid_json", "expected"),
        (String::new(), StatusCode::BAD_REQUEST, "invalid_json", "EOF"),
        ("[]".to_owned(), unprocessable, "invalid_body", "an object"),
        ("{}".to_owned(), unprocessable, "invalid_body", "type"),
        ("[".repeat(200_000), unprocessable, "invalid_body", "an object"),
        ("{\"x\":".repeat(50_000), StatusCode::BAD_REQUEST, "invalid_json", "EOF"),
        (r#"{"type": "payment.succeeded"}"#.to_owned(), unprocessable, "invalid_body", "timestamp"),
        (without("customer_id"), unprocessable, "invalid_body", "customer_id"),
        (without("currency"), unprocessable, "invalid_event", "data.currency"),
        (without("amount_minor"), unprocessable, "invalid_event", "data.amount_minor"),
        (payment("succeeded", -1, "EUR").to_string(), unprocessable, "invalid_event", "found -1"),
        (payment("succeeded", i64::MAX, "EUR").to_string(), unprocessable, "invalid_event", "expected 0 to"),
        (payment("refunded", 1, "ABC").to_string(), unprocessable, "unknown_currency", "ISO 4217"),
        (payment("refunded", 1, "XAU").to_string(), unprocessable, "unknown_currency", "ISO 4217"),
        (with("plan", "\"a b\""), unprocessable, "invalid_event", "data.plan"),
        (with("subscription_id", &"9".repeat(40)), unprocessable, "invalid_body", "subscription_id"),
        (with("amount_minor", "2"), unprocessable, "invalid_body", "duplicate field"),
        (
            payment("succeeded", 7, "EUR").to_string().replace('7', &"9".repeat(40)),
            unprocessable,
            "invalid_body",
            "a whole number",
        ),
        (
            payment("succeeded", 7, "EUR").to_string().replace('7', "7.5"),
            unprocessable,
            "invalid_body",
            "a whole number",
        ),
        (" ".repeat(10 << 20), StatusCode::PAYLOAD_TOO_LARGE, "too_large", "262144"),
    ];
    // All but the last one, which is too large to be verified.
    let count = refusals.len() - 1;
    for (number, (body, status, code, detail)) in refusals.into_iter().enumerate() {
        let said = problem(send(&server, &format!("msg_{number}"), &body).await, status, code).await;
        assert!(said["detail"].as_str().unwrap().contains(detail), "{said}");
    }
    assert_eq!(rows(&server).await, 0);
    let invalid =
        [counted("unread", "invalid"), counted("payment.succeeded", "invalid"), counted("payment.refunded", "invalid")];
    let mut total = 0.0;
    for series in invalid {
        total += server.metric(&series).await.unwrap();
    }
    assert_eq!(total, count as f64);
    assert_eq!(server.metric(&counted("unread", "refused")).await, Some(1.0));
}

/// A name that a body carries and nothing asks for, and the secret itself.
#[tokio::test]
async fn a_planted_secret_is_nowhere_to_be_found() {
    const PLANTED: &str = "planted-hunter2";
    let server = start().await;
    let mut event = payment("succeeded", 1, "EUR");
    event["data"]["email"] = format!("{PLANTED}@b.example").into();
    event["data"]["card"] = serde_json::json!({"name": PLANTED});
    let mut odd = event.clone();
    odd["data"]["customer_id"] = format!("{PLANTED} of Bath").into();
    let mut answers = vec![
        send(&server, "msg_1", &event.to_string()).await.text().await.unwrap(),
        send_with(&server, "msg_2", now(), PLANTED, &event.to_string()).await.text().await.unwrap(),
        send_with(&server, "msg_3", now(), &format!("v1,{PLANTED}"), &odd.to_string()).await.text().await.unwrap(),
    ];
    // Only its own sender is told.
    let told =
        problem(send(&server, "msg_4", &odd.to_string()).await, StatusCode::UNPROCESSABLE_ENTITY, "invalid_event")
            .await;
    assert!(told["detail"].as_str().unwrap().contains(PLANTED), "{told}");
    assert_eq!(rows(&server).await, 1);
    server.await_log(&["billing event stored"]).await;
    server.await_log(&["billing event not stored", "invalid_event"]).await;
    answers.push(server.get("/metrics").await.text().await.unwrap());
    answers.push(server.get(PATH).await.text().await.unwrap());
    answers.push(server.log.lock().unwrap().join("\n"));
    let columns =
        "SELECT COALESCE(subscription_id, '') || webhook_id || customer_id || COALESCE(plan, '') FROM billing_events";
    let stored: Vec<String> = sqlx::query_scalar(columns).fetch_all(&server.database().await).await.unwrap();
    answers.extend(stored);
    for text in answers {
        for secret in [PLANTED, SECRET, SECRET.trim_start_matches("whsec_")] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
