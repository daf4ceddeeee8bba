//! Keys that are tried out.

use reqwest::{Client, StatusCode};

use super::{ADMIN_KEY, get, new_key, new_user, start_with};
use crate::api::support::server::{Server, problem};

const WRONG: &str = "not-a-key-of-this-server-but-long-enough";

async fn try_wrong_keys(server: &Server, count: u32) {
    for number in 0..count {
        let tried = get(server, "/api/v1/runs", &format!("{WRONG}{number}")).await;
        problem(tried, StatusCode::UNAUTHORIZED, "key_unknown").await;
    }
}

async fn is_limited(server: &Server, key: &str) {
    let tried = get(server, "/api/v1/runs", key).await;
    let wait: u64 = tried.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    problem(tried, StatusCode::TOO_MANY_REQUESTS, "too_many_failures").await;
}

#[tokio::test]
async fn an_address_with_many_wrong_keys_waits_and_others_do_not() {
    let server = start_with(&[("AUTH__MAX_FAILURES", "5")]).await;
    let user = new_user(&server, "somebody").await;
    let fresh = new_key(&server, &user, &["read"]).await;
    try_wrong_keys(&server, 5).await;
    is_limited(&server, WRONG).await;
    // A key that was not used lately waits with the others of its address, and one that was goes on.
    is_limited(&server, &fresh.text).await;
    assert_eq!(get(&server, "/api/v1/runs", ADMIN_KEY).await.status(), StatusCode::OK);
    let setup = server.post("/api/v1/setup", &serde_json::json!({ "token": "x" })).await;
    problem(setup, StatusCode::TOO_MANY_REQUESTS, "too_many_failures").await;
    // Health and requests without a key are no attempts.
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    problem(server.get("/api/v1/runs").await, StatusCode::UNAUTHORIZED, "key_missing").await;
    let elsewhere = belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]);
    let elsewhere: Client = elsewhere.local_address(std::net::IpAddr::from([127, 0, 0, 2])).build().unwrap();
    let url = format!("{}/api/v1/runs", server.url);
    let good = elsewhere.get(url).bearer_auth(&fresh.text).send().await.unwrap();
    assert_eq!(good.status(), StatusCode::OK);
    let count = async |reason: &str| server.metric(&format!("belfry_auth_failures_total{{reason=\"{reason}\"}}")).await;
    assert_eq!(count("unknown").await, Some(5.0));
    assert_eq!(count("rate_limited").await, Some(3.0));
    assert_eq!(count("missing").await, Some(1.0));
}

#[tokio::test]
async fn a_request_without_a_key_is_no_failed_attempt() {
    let server = start_with(&[("AUTH__MAX_FAILURES", "2")]).await;
    for _ in 0..10 {
        problem(server.get("/api/v1/runs").await, StatusCode::UNAUTHORIZED, "key_missing").await;
    }
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
}
