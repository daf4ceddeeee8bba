//! Keys and tokens are in no log, error, metric or span, and not in the database.

use std::path::Path;

use belfry_test_support::loki::Receiver;
use belfry_test_support::otlp::Collector;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{ADMIN_KEY, Key, body, get, new_key, new_user, post, send, start_again_with};
use crate::api::support::server::Server;

/// What was planted, and where it must not be found.
fn assert_absent(secrets: &[String], place: &str, text: &str) {
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "a planted secret is in {place}");
    }
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()).collect()
}

/// Everything that the database holds, as text.
async fn tables(server: &Server) -> String {
    let database = server.database().await;
    let mut text = String::new();
    for query in [
        "SELECT id || name || key_hash || scopes || source FROM api_keys",
        "SELECT token_hash FROM setup_token",
        "SELECT action || object || outcome FROM audit",
        "SELECT name FROM users",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(query).fetch_all(&database).await.unwrap();
        text.extend(rows);
    }
    assert!(text.contains("POST /api/v1/users"), "{text}");
    text
}

/// Asks with this text where ids, names and cursors belong. Some responses name to the client what it has sent.
async fn put_in_paths(server: &Server, text: &str) {
    for (method, path) in [
        (Method::GET, format!("/api/v1/runs/{text}")),
        (Method::GET, format!("/api/v1/runs?cursor={text}")),
        (Method::GET, format!("/api/v1/datasets/{text}/content")),
        (Method::GET, format!("/api/v1/users/{text}/keys")),
        (Method::GET, format!("/no/such/{text}?key={text}")),
        (Method::GET, format!("/jobs/stats/{text}")),
        (Method::POST, format!("/api/v1/runs/{text}/cancel")),
        (Method::DELETE, format!("/api/v1/keys/{text}")),
    ] {
        for key in [ADMIN_KEY, "no-such-key-0123456789-0123456789-0123456789"] {
            assert!(send(server, method.clone(), &path, key).await.status().is_client_error(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn planted_keys_are_nowhere_but_in_their_responses() {
    let (loki, loki_url) = Receiver::start().await;
    let (spans, spans_url) = Collector::start().await;
    let logs = tempfile::tempdir().unwrap();
    let (mut server, _file) = start_again_with(&[
        ("LOG__LEVEL", "debug"),
        ("LOG__DIR", logs.path().to_str().unwrap()),
        ("LOKI__ENABLED", "true"),
        ("LOKI__URL", &loki_url),
        ("TRACING__ENABLED", "true"),
        ("TRACING__ENDPOINT", &spans_url),
        ("TRACING__SAMPLE_RATIO", "1"),
    ])
    .await;
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    let rotated = post(&server, &format!("/api/v1/keys/{}/rotate", key.id), &json!({})).await;
    let new = Key::read(&body(rotated, StatusCode::CREATED).await);
    let wrong = "planted-wrong-key-0123456789-0123456789".to_owned();
    let token = "belfry_setup_planted-token-0123456789".to_owned();
    let mut said = String::new();
    for text in [&key.text, &new.text, &wrong] {
        for path in ["/api/v1/runs", "/api/v1/users", "/dashboards", "/no/such/path"] {
            said += &get(&server, path, text).await.text().await.unwrap();
            let basic =
                server.client.get(format!("{}{path}", server.url)).basic_auth("x", Some(text)).send().await.unwrap();
            said += &basic.text().await.unwrap();
        }
        said += &send(&server, Method::POST, "/api/v1/runs", text).await.text().await.unwrap();
    }
    said += &server.post("/api/v1/setup", &json!({ "token": token })).await.text().await.unwrap();
    for text in [&key.text, &new.text, &token] {
        put_in_paths(&server, text).await;
    }
    // The secret itself, without what says which key it is.
    let secret = |key: &Key| key.text.rsplit_once('_').unwrap().1.to_owned();
    let secrets = [secret(&key), secret(&new), wrong, token, ADMIN_KEY.to_owned()];
    assert_absent(&secrets, "a response", &said);
    assert_absent(&secrets, "the metrics", &server.get("/metrics").await.text().await.unwrap());
    assert_absent(&secrets, "the database", &tables(&server).await);
    loki.await_message("request not admitted").await;
    assert_eq!(server.stop().await, Some(0));
    let lines = server.log.lock().unwrap().join("\n");
    assert!(lines.contains("request not admitted"), "{lines}");
    assert_absent(&secrets, "the log", &lines);
    let lines: String = loki.lines().iter().map(|line| format!("{line:?}")).collect();
    assert_absent(&secrets, "Loki", &lines);
    let taken = format!("{:?}", spans.taken());
    assert!(taken.contains(&format!("/api/v1/runs/belfry_{}_***", key.id.replace('-', ""))), "no spans came");
    assert_absent(&secrets, "the spans", &taken);
    let files = [files(logs.path()), files(server.folder.path())].concat();
    assert!(!files.is_empty());
    for file in files {
        assert_absent(&secrets, "a file", &String::from_utf8_lossy(&file));
    }
}

#[tokio::test]
async fn the_setup_token_is_on_standard_error_and_nowhere_else() {
    let (loki, url) = Receiver::start().await;
    let logs = tempfile::tempdir().unwrap();
    let settings = [
        ("AUTH__MODE", "keys"),
        ("LOG__LEVEL", "debug"),
        ("LOG__DIR", logs.path().to_str().unwrap()),
        ("LOKI__ENABLED", "true"),
        ("LOKI__URL", url.as_str()),
    ];
    let mut server = Server::start_with(&settings).await;
    server.kill();
    let (starting, said) = server.begin_to_start("a token for one is on standard error");
    server.finish_start(starting);
    let token = said.split_once("\"token\":\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    assert!(token.starts_with("belfry_setup_") && token.len() > 70, "{token}");
    let is_event = |line: &&str| line.starts_with('{');
    assert!(said.lines().filter(is_event).all(|line| !line.contains(&token)), "{said}");
    let key = body(server.post("/api/v1/setup", &json!({ "token": token })).await, StatusCode::CREATED).await;
    let secrets = [token, key["key"].as_str().unwrap().rsplit_once('_').unwrap().1.to_owned()];
    loki.await_message("listening").await;
    assert_eq!(server.stop().await, Some(0));
    assert_absent(&secrets, "the log", &server.log.lock().unwrap().join("\n"));
    let lines: String = loki.lines().iter().map(|line| format!("{line:?}")).collect();
    assert_absent(&secrets, "Loki", &lines);
    for file in [files(logs.path()), files(server.folder.path())].concat() {
        assert_absent(&secrets, "a file", &String::from_utf8_lossy(&file));
    }
}
