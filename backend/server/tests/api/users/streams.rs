//! Event streams that are open when their key ends.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN_KEY, Key, body, delete, get, new_key, new_user, post, send, start_with};
use crate::api::support::server::{PATIENCE, Server, problem, shipped};

/// A run that is not worked on, so that nothing is sent of it.
async fn queued_run(server: &Server) -> String {
    let upload = server.client.post(format!("{}/api/v1/datasets", server.url)).bearer_auth(ADMIN_KEY);
    let upload = upload.header("content-type", "text/csv").body(shipped("iris.csv")).send().await.unwrap();
    let dataset = body(upload, StatusCode::CREATED).await["id"].clone();
    let run = json!({ "dataset_id": dataset, "target": "species", "algorithm": "fake",
        "params": { "behaviour": "ok", "n_steps": 1 } });
    let run = body(post(server, "/api/v1/runs", &run).await, StatusCode::ACCEPTED).await;
    run["id"].as_str().unwrap().to_owned()
}

async fn follow(server: &Server, run: &str, key: &Key) -> Response {
    let response = get(server, &format!("/api/v1/runs/{run}/events"), &key.text).await;
    assert_eq!(response.status(), StatusCode::OK);
    response
}

/// What came until the stream's end.
async fn ended(stream: Response) -> String {
    tokio::time::timeout(PATIENCE, stream.text()).await.expect("the stream goes on").unwrap()
}

#[tokio::test]
async fn a_stream_ends_with_its_key_and_no_other_does() {
    let server = start_with(&[("TRAINING__ALLOW_FAKE", "true"), ("TRAINING__WORKERS", "0")]).await;
    let run = queued_run(&server).await;
    let (user, other) = (new_user(&server, "somebody").await, new_user(&server, "another").await);
    let key = async || new_key(&server, &user, &["read"]).await;
    let (valid, here, elsewhere) = (key().await, key().await, key().await);
    let (expiring, without_scope) = (key().await, key().await);
    let deactivated = new_key(&server, &other, &["read"]).await;
    let short = json!({ "name": "short", "scopes": ["read"], "expires_in_seconds": 10 });
    let made = Instant::now();
    let short = post(&server, &format!("/api/v1/users/{user}/keys"), &short).await;
    let short = Key::read(&body(short, StatusCode::CREATED).await);
    let stays = follow(&server, &run, &valid).await;
    let mut streams = Vec::new();
    for key in [&short, &here, &elsewhere, &expiring, &without_scope, &deactivated] {
        streams.push(follow(&server, &run, key).await);
    }
    // What this server does, and what another does to the same database.
    assert_eq!(delete(&server, &format!("/api/v1/keys/{}", here.id)).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(delete(&server, &format!("/api/v1/users/{other}")).await.status(), StatusCode::NO_CONTENT);
    elsewhere.change(&server, "revoked_at = 1").await;
    expiring.change(&server, "expires_at = 1").await;
    without_scope.change(&server, "scopes = 'write'").await;
    let ends = streams.into_iter().map(async |stream| (ended(stream).await, made.elapsed()));
    let ends = futures::future::join_all(ends).await;
    // Nothing has happened to the run.
    assert!(ends.iter().all(|(text, _)| !text.contains("event:")), "{ends:?}");
    assert!(ends[0].1 >= Duration::from_secs(10), "it ended before its key: {ends:?}");
    let events = format!("/api/v1/runs/{run}/events");
    problem(get(&server, &events, &short.text).await, StatusCode::UNAUTHORIZED, "key_expired").await;
    problem(get(&server, &events, &here.text).await, StatusCode::UNAUTHORIZED, "key_revoked").await;

    // Meanwhile the stream of a valid key was looked at several times.
    let cancel = send(&server, Method::POST, &format!("/api/v1/runs/{run}/cancel"), ADMIN_KEY).await;
    assert!(cancel.status().is_success(), "{cancel:?}");
    assert!(ended(stays).await.contains("event: finished"));
    server.await_metric("belfry_run_followers", 0.0).await;
}

#[tokio::test]
async fn without_keys_a_stream_lasts_as_long_as_its_run() {
    let variables =
        [("TRAINING__ALLOW_FAKE", "true"), ("TRAINING__WORKERS", "0"), ("TRAINING__FOLLOWERS_KEEP_ALIVE", "1s")];
    let server = Server::start_with(&variables).await;
    let run = queued_run(&server).await;
    let mut stream = server.get(&format!("/api/v1/runs/{run}/events")).await;
    // Longer than what a key's stream is looked at again after, twice: a comment a second.
    for _ in 0..5 {
        let comment = tokio::time::timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap();
        assert!(comment.is_some_and(|comment| comment.starts_with(b":")), "the stream has ended");
    }
    server.post(&format!("/api/v1/runs/{run}/cancel"), &Value::Null).await;
    assert!(ended(stream).await.contains("event: finished"));
}
