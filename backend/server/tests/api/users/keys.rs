//! Users and keys from their making to their end.

use std::time::{Duration, Instant};

use belfry_test_support::{PATIENCE, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{ADMIN_KEY, Key, body, delete, get, listed, new_key, new_user, post, start_again_with, start_with};
use crate::api::support::server::problem;

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_its_text() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "Åsa 🛠").await;
    let path = format!("/api/v1/users/{user}/keys");
    let wanted = json!({ "name": "laptop", "scopes": ["write", "read", "read"], "expires_in_seconds": 3600 });
    let response = post(&server, &path, &wanted).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let shown = body(response, StatusCode::CREATED).await;
    let key = Key::read(&shown);
    assert_eq!(location, format!("/api/v1/keys/{}", key.id));
    assert!(key.text.starts_with("belfry_") && shown["scopes"] == json!(["read", "write"]), "{shown}");
    let keys = listed(&server, &path).await;
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&keys[0]["state"], &keys[0]["source"], &keys[0]["user_id"]),
        (&json!("active"), &json!("api"), &json!(user))
    );
    assert!(keys[0].get("key").is_none() && !keys[0].to_string().contains(&key.text[40..]), "{}", keys[0]);
    let user = body(get(&server, &format!("/api/v1/users/{user}"), ADMIN_KEY).await, StatusCode::OK).await;
    assert_eq!((&user["name"], &user["state"]), (&json!("Åsa 🛠"), &json!("active")));
}

#[tokio::test]
async fn users_are_listed_by_pages_newest_first() {
    let server = start_with(&[]).await;
    for name in ["a", "b", "c"] {
        new_user(&server, name).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = body(get(&server, &format!("/api/v1/users?limit=2{cursor}"), ADMIN_KEY).await, StatusCode::OK).await;
        names.extend(page["items"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["c", "b", "a", "admin"]);
    for (query, code) in [("limit=0", "invalid_limit"), ("cursor=x", "invalid_cursor"), ("since=x", "invalid_query")] {
        problem(get(&server, &format!("/api/v1/users?{query}"), ADMIN_KEY).await, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test]
async fn what_cannot_be_a_user_or_a_key_is_refused() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    for name in ["", " x", "a\nb", &"x".repeat(101)] {
        problem(post(&server, "/api/v1/users", &json!({ "name": name })).await, unprocessable, "invalid_name").await;
    }
    let taken = post(&server, "/api/v1/users", &json!({ "name": "somebody" })).await;
    problem(taken, StatusCode::CONFLICT, "name_taken").await;
    let path = format!("/api/v1/users/{user}/keys");
    for (wanted, code) in [
        (json!({ "name": "x", "scopes": [] }), "invalid_scopes"),
        (json!({ "name": "x", "scopes": ["root"] }), "invalid_body"),
        (json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": 0 }), "invalid_expiry"),
        (json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": i64::MAX }), "invalid_expiry"),
        (json!({ "name": "", "scopes": ["read"] }), "invalid_name"),
        (json!({ "name": "x", "scopes": ["read"], "key": "mine" }), "invalid_body"),
    ] {
        problem(post(&server, &path, &wanted).await, unprocessable, code).await;
    }
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    let wanted = json!({ "name": "x", "scopes": ["read"] });
    for id in [nobody, "x", "%00"] {
        let made = post(&server, &format!("/api/v1/users/{id}/keys"), &wanted).await;
        problem(made, StatusCode::NOT_FOUND, "not_found").await;
        problem(delete(&server, &format!("/api/v1/keys/{id}")).await, StatusCode::NOT_FOUND, "not_found").await;
        problem(delete(&server, &format!("/api/v1/users/{id}")).await, StatusCode::NOT_FOUND, "not_found").await;
        let rotated = post(&server, &format!("/api/v1/keys/{id}/rotate"), &json!({})).await;
        problem(rotated, StatusCode::NOT_FOUND, "not_found").await;
    }
}

#[tokio::test]
async fn a_key_that_was_just_used_ends_at_its_time() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let wanted = json!({ "name": "short", "scopes": ["read"], "expires_in_seconds": 2 });
    let made = Instant::now();
    let shown = body(post(&server, &format!("/api/v1/users/{user}/keys"), &wanted).await, StatusCode::CREATED).await;
    let key = Key::read(&shown);
    let ask = async || get(&server, "/api/v1/runs", &key.text).await.status();
    assert_eq!(ask().await, StatusCode::OK);
    eventually("the key has expired", PATIENCE, async || ask().await == StatusCode::UNAUTHORIZED).await;
    assert!(made.elapsed() >= Duration::from_secs(1), "after {:?}", made.elapsed());
    problem(get(&server, "/api/v1/runs", &key.text).await, StatusCode::UNAUTHORIZED, "key_expired").await;
}

#[tokio::test]
async fn a_revoked_key_ends_here_at_once_and_elsewhere_soon() {
    let (server, _file) = start_again_with(&[]).await;
    let other = server.beside();
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    for server in [&server, &other] {
        assert_eq!(get(server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    }
    for _ in 0..2 {
        let revoked = delete(&server, &format!("/api/v1/keys/{}", key.id)).await;
        assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    }
    problem(get(&server, "/api/v1/runs", &key.text).await, StatusCode::UNAUTHORIZED, "key_revoked").await;
    let revoked = Instant::now();
    eventually("the other server knows", PATIENCE, async || {
        get(&other, "/api/v1/runs", &key.text).await.status() == StatusCode::UNAUTHORIZED
    })
    .await;
    // Five seconds, and what a busy machine takes.
    assert!(revoked.elapsed() < Duration::from_secs(20), "after {:?}", revoked.elapsed());
}

#[tokio::test]
async fn a_deactivated_user_has_no_valid_keys_and_gets_none() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    for _ in 0..2 {
        assert_eq!(delete(&server, &format!("/api/v1/users/{user}")).await.status(), StatusCode::NO_CONTENT);
    }
    problem(get(&server, "/api/v1/runs", &key.text).await, StatusCode::UNAUTHORIZED, "key_revoked").await;
    let wanted = json!({ "name": "x", "scopes": ["read"] });
    let made = post(&server, &format!("/api/v1/users/{user}/keys"), &wanted).await;
    problem(made, StatusCode::CONFLICT, "user_deactivated").await;
    let shown = body(get(&server, &format!("/api/v1/users/{user}"), ADMIN_KEY).await, StatusCode::OK).await;
    assert_eq!(shown["state"], "deactivated");
    // The name is free again.
    assert_ne!(new_user(&server, "somebody").await, user);
}

#[tokio::test]
async fn a_rotated_key_and_its_successor_live_side_by_side() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let old = new_key(&server, &user, &["read", "write"]).await;
    let path = format!("/api/v1/keys/{}/rotate", old.id);
    let wrong = post(&server, &path, &json!({ "overlap_seconds": -1 })).await;
    problem(wrong, StatusCode::UNPROCESSABLE_ENTITY, "invalid_overlap").await;
    // Of several at once, one makes a key.
    let wanted = json!({ "overlap_seconds": 600 });
    let rotations = (0..4).map(|_| post(&server, &path, &wanted));
    let mut made = Vec::new();
    for response in futures::future::join_all(rotations).await {
        match response.status() {
            StatusCode::CREATED => made.push(body(response, StatusCode::CREATED).await),
            _ => _ = problem(response, StatusCode::CONFLICT, "key_not_rotatable").await,
        }
    }
    let [shown] = &made[..] else { panic!("{made:?}") };
    let new = Key::read(shown);
    assert_eq!(
        (&shown["scopes"], &shown["name"], &shown["user_id"]),
        (&json!(["read", "write"]), &json!("test"), &json!(user))
    );
    for key in [&old, &new] {
        assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    }
    let keys = listed(&server, &format!("/api/v1/users/{user}/keys")).await;
    let of = |key: &Key| keys.iter().find(|listed| listed["id"] == key.id).unwrap();
    assert_eq!((&of(&old)["rotated_to"], &of(&new)["expires_at"]), (&json!(new.id), &Value::Null));
    let ends: jiff::Timestamp = of(&old)["expires_at"].as_str().unwrap().parse().unwrap();
    let left = ends.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((500..=600).contains(&left), "{left}");
    // Without an overlap the old one ends with the rotation.
    let rotated = post(&server, &format!("/api/v1/keys/{}/rotate", new.id), &json!({ "overlap_seconds": 0 })).await;
    let newest = Key::read(&body(rotated, StatusCode::CREATED).await);
    problem(get(&server, "/api/v1/runs", &new.text).await, StatusCode::UNAUTHORIZED, "key_expired").await;
    assert_eq!(get(&server, "/api/v1/runs", &newest.text).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_rotation_keeps_the_life_of_the_key_and_ends_the_old() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let wanted = json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": 3600 });
    let shown = body(post(&server, &format!("/api/v1/users/{user}/keys"), &wanted).await, StatusCode::CREATED).await;
    let old = Key::read(&shown);
    let rotated = post(&server, &format!("/api/v1/keys/{}/rotate", old.id), &json!({ "overlap_seconds": 86400 })).await;
    let new = body(rotated, StatusCode::CREATED).await;
    let span = |key: &Value| {
        let at = |name: &str| key[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        at("expires_at").duration_since(at("created_at")).as_secs_f64().round()
    };
    assert_eq!(span(&new), 3600.0, "{new}");
    let keys = listed(&server, &format!("/api/v1/users/{user}/keys")).await;
    let listed = keys.iter().find(|key| key["id"] == old.id).unwrap();
    assert_eq!(listed["expires_at"], shown["expires_at"]);
}
