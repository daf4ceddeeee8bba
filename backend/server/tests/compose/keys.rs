//! Keys in containers: the first one from the log of a start, and the check of where the backend is published.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::stack::Stack;
use super::{client, status};

#[tokio::test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
async fn the_log_has_what_makes_the_first_key() {
    let stack = Stack::new(&[("AUTH__MODE", "keys")]);
    stack.up(&["backend"]);
    let datasets = stack.url("BACKEND_PORT", "/api/v1/datasets");
    assert_eq!(status(&datasets).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&stack.url("BACKEND_PORT", "/metrics")).await, StatusCode::OK);

    let log = stack.composed(&["logs", "--no-log-prefix", "backend"]);
    let at = log.find("belfry_setup_").expect("a token in the log of a first start");
    let token: String = log[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let setup = stack.url("BACKEND_PORT", "/api/v1/setup");
    let exchange = || client().post(&setup).json(&json!({"token": token})).send();
    let made: Value = exchange().await.expect("an answer").json().await.expect("a key");
    let key = made["key"].as_str().unwrap_or_else(|| panic!("no key in {made}"));
    assert!(!exchange().await.expect("an answer").status().is_success(), "the token was taken twice");

    let listed = client().get(&datasets).bearer_auth(key).send().await.expect("an answer");
    assert_eq!(listed.status(), StatusCode::OK);
    assert!(!stack.composed(&["logs", "backend"]).contains(key), "the key is in the log");
}

#[test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
fn published_to_the_network_without_keys_is_refused() {
    let mut stack = Stack::new(&[("BIND_ADDRESS", "0.0.0.0")]);
    let refused = stack.compose(&["run", "--rm", "-T", "backend"]);
    let said = String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success(), "{said}");
    for expected in ["found `0.0.0.0`", "AUTH__MODE is off", "AUTH__ALLOW_ANONYMOUS", "BIND_ADDRESS"] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    stack.set("AUTH__ALLOW_ANONYMOUS", "true");
    stack.up(&["backend"]);
}
