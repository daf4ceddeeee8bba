//! Billing events: deliveries as a provider makes them, and the ledger.

mod deliveries;
mod ledger;
mod refusals;
mod strangers;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::api::support::server::Server;

const PATH: &str = "/api/v1/billing/events";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn start() -> Server {
    Server::start_with(&[("BILLING__WEBHOOK_SECRET", SECRET)]).await
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// As Standard Webhooks have it, written apart from the server's own.
fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mut code = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    code.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()))
}

/// Sends a body with these headers.
async fn send_with(server: &Server, id: &str, seconds: i64, signatures: &str, body: &str) -> Response {
    let request = server.client.post(format!("{}{PATH}", server.url)).header("content-type", "application/json");
    let request = request.header("webhook-id", id).header("webhook-timestamp", seconds.to_string());
    request.header("webhook-signature", signatures).body(body.to_owned()).send().await.unwrap()
}

/// Sends a body as the provider would now.
async fn send(server: &Server, id: &str, body: &str) -> Response {
    let seconds = now();
    send_with(server, id, seconds, &signature(SECRET, id, seconds, body), body).await
}

/// Asserts that an event is taken, and returns what is said of it.
async fn sent(server: &Server, id: &str, event: &Value) -> Value {
    let answer = send(server, id, &event.to_string()).await;
    let status = answer.status();
    let said: Value = answer.json().await.unwrap();
    assert_eq!(status, if said["status"] == "ignored" { StatusCode::ACCEPTED } else { StatusCode::OK }, "{said}");
    said["status"].clone()
}

fn subscription(kind: &str) -> Value {
    let data = json!({"customer_id": "cus_1", "subscription_id": "sub_1", "plan": "team"});
    json!({"type": format!("subscription.{kind}"), "timestamp": "2026-11-28T12:00:00Z", "data": data})
}

fn payment(kind: &str, minor: i64, currency: &str) -> Value {
    let data = json!({"customer_id": "cus_1", "amount_minor": minor, "currency": currency});
    json!({"type": format!("payment.{kind}"), "timestamp": "2026-11-28T12:00:00.25+01:00", "data": data})
}

async fn rows(server: &Server) -> i64 {
    let query = "SELECT COUNT(*) FROM billing_events";
    sqlx::query_scalar(query).fetch_one(&server.database().await).await.unwrap()
}

fn counted(kind: &str, outcome: &str) -> String {
    format!("belfry_billing_events_total{{type=\"{kind}\",outcome=\"{outcome}\"}}")
}
