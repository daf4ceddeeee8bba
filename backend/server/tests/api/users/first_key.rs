//! The first admin key: from a file, or by a token on standard error. And what refuses to start.

use std::process::Command;

use reqwest::{Response, StatusCode};
use serde_json::json;

use super::{ADMIN_KEY, Key, KeyFile, body, get, listed, post, start_again_with};
use crate::api::support::server::{Place, Server, problem};

const NO_KEY: &str = "a token for one is on standard error";

/// The token in what a start said.
fn token(said: &str) -> String {
    let (_, rest) = said.split_once("\"token\":\"").unwrap_or_else(|| panic!("no token in {said}"));
    rest.split_once('"').unwrap().0.to_owned()
}

/// Starts a stopped server and returns the token that it wrote.
fn start_and_read_token(server: &mut Server) -> String {
    let (starting, said) = server.begin_to_start(NO_KEY);
    server.finish_start(starting);
    token(&said)
}

async fn start() -> (Server, String) {
    let mut server = Server::start_with(&[("AUTH__MODE", "keys")]).await;
    server.kill();
    let token = start_and_read_token(&mut server);
    (server, token)
}

async fn exchange(server: &Server, token: &str) -> Response {
    server.post("/api/v1/setup", &json!({ "token": token })).await
}

#[tokio::test]
async fn a_token_is_exchanged_for_an_admin_key_once() {
    let (mut server, token) = start().await;
    // A link that is followed by a preview, or by mistake, costs nothing.
    for _ in 0..2 {
        assert_eq!(server.get("/api/v1/setup").await.status(), StatusCode::UNAUTHORIZED);
    }
    let shown = body(exchange(&server, &token).await, StatusCode::CREATED).await;
    let key = Key::read(&shown);
    assert_eq!((&shown["source"], &shown["scopes"]), (&json!("setup"), &json!(["read", "write", "admin"])));
    let again = exchange(&server, &token).await;
    assert_eq!(again.headers()["www-authenticate"], "Bearer");
    problem(again, StatusCode::UNAUTHORIZED, "setup_token_invalid").await;
    assert_eq!(get(&server, "/api/v1/users", &key.text).await.status(), StatusCode::OK);
    let failures = server.metric(r#"belfry_auth_failures_total{reason="setup_token"}"#).await;
    assert_eq!(failures, Some(1.0));
    let entries = body(get(&server, "/api/v1/audit", &key.text).await, StatusCode::OK).await;
    let entry = &entries["items"][0];
    assert_eq!(
        (&entry["action"], &entry["object"]),
        (&json!("POST /api/v1/setup"), &json!(format!("/api/v1/keys/{}", key.id)))
    );
    // With an admin key there is no further token.
    server.kill();
    server.start_again(&[]);
    assert!(!server.log.lock().unwrap().iter().any(|line| line.contains(NO_KEY)));
    let row: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM setup_token").fetch_one(&server.database().await).await.unwrap();
    assert_eq!(row, 0);
}

#[tokio::test]
async fn a_token_is_valid_for_an_hour_and_until_the_next_start() {
    let (mut server, first) = start().await;
    server.kill();
    let second = start_and_read_token(&mut server);
    problem(exchange(&server, &first).await, StatusCode::UNAUTHORIZED, "setup_token_invalid").await;
    let database = server.database().await;
    let (expires_at,): (i64,) =
        sqlx::query_as("SELECT expires_at FROM setup_token").fetch_one(&database).await.unwrap();
    let left = (expires_at - jiff::Timestamp::now().as_microsecond()) / 1_000_000;
    assert!((3_300..=3_600).contains(&left), "{left} s");
    sqlx::query("UPDATE setup_token SET expires_at = 1").execute(&database).await.unwrap();
    problem(exchange(&server, &second).await, StatusCode::UNAUTHORIZED, "setup_token_invalid").await;
}

#[tokio::test]
async fn of_two_servers_and_many_exchanges_one_makes_a_key() {
    let (server, _) = start().await;
    let mut other = server.beside();
    other.kill();
    let token = start_and_read_token(&mut other);
    let exchanges = (0..8).map(|number| exchange(if number % 2 == 0 { &server } else { &other }, &token));
    let mut statuses: Vec<_> = futures::future::join_all(exchanges).await.iter().map(Response::status).collect();
    statuses.sort();
    assert_eq!(statuses[0], StatusCode::CREATED);
    assert!(statuses[1..].iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
    let database = server.database().await;
    let keys: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_keys").fetch_one(&database).await.unwrap();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn a_lost_last_admin_key_is_replaced_by_a_start() {
    let (mut server, token) = start().await;
    let key = Key::read(&body(exchange(&server, &token).await, StatusCode::CREATED).await);
    let revoked = super::send(&server, reqwest::Method::DELETE, &format!("/api/v1/keys/{}", key.id), &key.text).await;
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    server.kill();
    let token = start_and_read_token(&mut server);
    assert_eq!(exchange(&server, &token).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn the_key_in_the_file_is_valid_and_that_of_before_is_not() {
    let (mut server, _file) = start_again_with(&[]).await;
    let users = listed(&server, "/api/v1/users").await;
    assert_eq!((users.len(), &users[0]["name"]), (1, &json!("admin")));
    let keys = listed(&server, &format!("/api/v1/users/{}/keys", users[0]["id"].as_str().unwrap())).await;
    let rotate = format!("/api/v1/keys/{}/rotate", keys[0]["id"].as_str().unwrap());
    problem(post(&server, &rotate, &json!({})).await, StatusCode::CONFLICT, "key_not_rotatable").await;
    server.kill();
    let other = "another-key-of-the-same-operator-0123456789";
    let file = KeyFile::new(&format!("{other}\n"), 0o640);
    server.start_again(&[("AUTH__ADMIN_KEY_FILE", file.path())]);
    problem(get(&server, "/api/v1/users", ADMIN_KEY).await, StatusCode::UNAUTHORIZED, "key_revoked").await;
    assert_eq!(get(&server, "/api/v1/users", other).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_ends_with_the_first_admin_key() {
    let (mut server, token) = start().await;
    let database = server.database().await;
    let row: (String, i64) =
        sqlx::query_as("SELECT token_hash, expires_at FROM setup_token").fetch_one(&database).await.unwrap();
    server.kill();
    let file = KeyFile::new(ADMIN_KEY, 0o600);
    server.start_again(&[("AUTH__ADMIN_KEY_FILE", file.path())]);
    let database = server.database().await;
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM setup_token").fetch_one(&database).await.unwrap();
    assert_eq!(left, 0);
    // Also one that is there, as when another server has offered it at the same moment.
    let insert = sqlx::query("INSERT INTO setup_token (id, token_hash, expires_at) VALUES (1, $1, $2)");
    insert.bind(row.0).bind(row.1).execute(&database).await.unwrap();
    problem(exchange(&server, &token).await, StatusCode::UNAUTHORIZED, "setup_token_invalid").await;
    let keys: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_keys").fetch_one(&database).await.unwrap();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn a_long_body_of_an_exchange_is_not_read() {
    let (server, _) = start().await;
    problem(exchange(&server, &"x".repeat(16 * 1024)).await, StatusCode::PAYLOAD_TOO_LARGE, "too_large").await;
    problem(exchange(&server, &"x".repeat(15 * 1024)).await, StatusCode::UNAUTHORIZED, "setup_token_invalid").await;
}

#[tokio::test]
async fn a_revoked_key_in_the_file_stops_the_start() {
    let (mut server, first) = start_again_with(&[]).await;
    server.kill();
    let other = "another-key-of-the-same-operator-0123456789";
    let second = KeyFile::new(other, 0o600);
    server.start_again(&[("AUTH__ADMIN_KEY_FILE", second.path())]);
    let mut place = server.place();
    place.variables.push(("AUTH__ADMIN_KEY_FILE".to_owned(), first.path().to_owned()));
    let (succeeded, said) = place.run(&["serve"]);
    assert!(
        !succeeded && said.contains("AUTH__ADMIN_KEY_FILE") && said.contains("found a key that was revoked"),
        "{said}"
    );
    assert!(said.contains(first.path()) && !said.contains(ADMIN_KEY), "{said}");
    // Past what is remembered: a restart.
    server.kill();
    server.start_again(&[]);
    assert_eq!(get(&server, "/api/v1/users", other).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_admin_key_file_that_is_open_or_short_stops_the_start() {
    for (text, mode, expected) in [
        (ADMIN_KEY, 0o644, "found mode 0644, expected 0600"),
        (ADMIN_KEY, 0o620, "found mode 0620, expected 0600"),
        ("planted-but-much-too-short", 0o600, "found 26 bytes that are no key, expected 32 to 512"),
    ] {
        let file = KeyFile::new(text, mode);
        let place = Place::new(&[("AUTH__MODE", "keys"), ("AUTH__ADMIN_KEY_FILE", file.path())]).await;
        let (succeeded, said) = place.run(&["serve"]);
        assert!(!succeeded && said.contains("AUTH__ADMIN_KEY_FILE") && said.contains(expected), "{said}");
        assert!(!said.contains(text), "{said}");
    }
    let place = Place::new(&[("AUTH__MODE", "keys"), ("AUTH__ADMIN_KEY_FILE", "/nowhere/key")]).await;
    let (succeeded, said) = place.run(&["serve"]);
    assert!(!succeeded && said.contains("/nowhere/key: cannot be read"), "{said}");
}

#[test]
fn without_keys_an_open_address_is_refused() {
    for (variables, expected) in [
        (&[("SERVER__HOST", "0.0.0.0")][..], "SERVER__HOST: found `0.0.0.0`, expected a loopback address"),
        (&[("AUTH__PUBLISHED_ON", "192.0.2.1")], "AUTH__PUBLISHED_ON: found `192.0.2.1`, expected a loopback"),
        (&[("SERVER__HOST", "0.0.0.0"), ("AUTH__PUBLISHED_ON", "::")], "AUTH__PUBLISHED_ON: found `::`"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_belfry")).env_clear().envs(variables.iter().copied()).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{said}");
        assert!(said.contains("AUTH__MODE") && said.contains("AUTH__ALLOW_ANONYMOUS"), "{said}");
    }
}

#[tokio::test]
async fn an_open_address_is_served_with_keys_or_where_that_is_said() {
    for word in [("AUTH__MODE", "keys"), ("AUTH__ALLOW_ANONYMOUS", "true"), ("AUTH__PUBLISHED_ON", "127.0.0.1")] {
        let place = Place::new(&[("SERVER__HOST", "0.0.0.0"), word]).await;
        let (succeeded, said) = place.run(&["check"]);
        assert!(succeeded, "{said}");
    }
}
