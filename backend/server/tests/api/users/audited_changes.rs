//! Changes of users and keys while the audit log cannot be written: they are not made.

use belfry_test_support::{PATIENCE, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AnyPool;

use super::{body, delete, get, listed, new_key, new_user, post, start_with};
use crate::api::support::server::{Server, problem};

async fn run(database: &AnyPool, statement: &'static str) {
    sqlx::query(statement).execute(database).await.unwrap();
}

/// What would differ after a change, and how many entries there are.
async fn state(server: &Server, users: &[&str]) -> Vec<Value> {
    let mut state = listed(server, "/api/v1/users").await;
    for user in users {
        let keys = listed(server, &format!("/api/v1/users/{user}/keys")).await;
        state.extend(keys.into_iter().map(|mut key| {
            key["last_used_at"] = Value::Null;
            key
        }));
    }
    state
}

#[tokio::test]
async fn a_change_that_cannot_be_on_record_is_not_made() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    let before = state(&server, &[&user]).await;
    let (keys, of_key) = (format!("/api/v1/users/{user}/keys"), format!("/api/v1/keys/{}", key.id));
    let (rotate, of_user) = (format!("{of_key}/rotate"), format!("/api/v1/users/{user}"));
    let new = json!({ "name": "new", "scopes": ["admin"] });
    let changes = async || {
        [
            post(&server, "/api/v1/users", &json!({ "name": "another" })).await,
            post(&server, &keys, &new).await,
            post(&server, &rotate, &json!({})).await,
            delete(&server, &of_key).await,
            delete(&server, &of_user).await,
        ]
    };
    let database = server.database().await;
    run(&database, "ALTER TABLE audit RENAME TO audit_away").await;
    for refused in changes().await {
        problem(refused, StatusCode::INTERNAL_SERVER_ERROR, "database_unavailable").await;
    }
    assert_eq!(state(&server, &[&user]).await, before);
    assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    server.await_log(&["a change is missing from the audit log"]).await;

    run(&database, "ALTER TABLE audit_away RENAME TO audit").await;
    for made in changes().await {
        assert!(made.status().is_success(), "{made:?}");
    }
    // Once each, with what came of it. What failed may be on record as well: it is written beside its response.
    let entries = eventually("all are on record", PATIENCE, async || {
        let entries = listed(&server, "/api/v1/audit").await;
        let succeeded = entries.into_iter().filter(|entry| entry["outcome"] == "succeeded").collect::<Vec<_>>();
        // The file's key, the user and the key from before.
        if succeeded.len() == 3 + 5 { Ok(succeeded) } else { Err(format!("{succeeded:?}")) }
    })
    .await;
    let told: Vec<_> = entries.iter().take(5).rev().map(|entry| (&entry["action"], &entry["status"])).collect();
    let expected = [
        ("POST /api/v1/users", 201),
        ("POST /api/v1/users/{id}/keys", 201),
        ("POST /api/v1/keys/{id}/rotate", 201),
        ("DELETE /api/v1/keys/{id}", 204),
        ("DELETE /api/v1/users/{id}", 204),
    ]
    .map(|(action, status)| (json!(action), json!(status)));
    assert_eq!(told, expected.each_ref().map(|(action, status)| (action, status)));
    assert!(entries[2]["object"].as_str().unwrap().starts_with("/api/v1/keys/"), "{entries:?}");
}

#[tokio::test]
async fn no_first_key_is_made_that_is_not_on_record() {
    let mut server = Server::start_with(&[("AUTH__MODE", "keys")]).await;
    server.kill();
    let (starting, said) = server.begin_to_start("a token for one is on standard error");
    server.finish_start(starting);
    let token = said.split_once("\"token\":\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let database = server.database().await;
    run(&database, "ALTER TABLE audit RENAME TO audit_away").await;
    let exchange = async || server.post("/api/v1/setup", &json!({ "token": token })).await;
    problem(exchange().await, StatusCode::INTERNAL_SERVER_ERROR, "database_unavailable").await;
    run(&database, "ALTER TABLE audit_away RENAME TO audit").await;
    // The token is not used up.
    let key = body(exchange().await, StatusCode::CREATED).await["key"].as_str().unwrap().to_owned();
    let page = body(get(&server, "/api/v1/audit", &key).await, StatusCode::OK).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
}
