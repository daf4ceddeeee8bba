//! Who changed what.

use belfry_test_support::{PATIENCE, eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN_KEY, body, delete, get, listed, new_key, new_user, post, send, start_with};
use crate::api::support::server::problem;

/// Action and outcome of each entry, the oldest first.
fn told(entries: &[Value]) -> Vec<(&str, &str)> {
    entries.iter().rev().map(|entry| (entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn every_change_is_on_record_with_who_made_it() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read", "write"]).await;
    let upload = server.client.post(format!("{}/api/v1/datasets?name=x", server.url)).bearer_auth(&key.text);
    let dataset =
        body(upload.body("a,b\n1,2\n").header("content-type", "text/csv").send().await.unwrap(), StatusCode::CREATED);
    let dataset = dataset.await["id"].as_str().unwrap().to_owned();
    let run = server.client.post(format!("{}/api/v1/runs", server.url)).bearer_auth(&key.text);
    let run = run.json(&json!({ "dataset_id": dataset, "target": "no such" })).send().await.unwrap();
    problem(run, StatusCode::UNPROCESSABLE_ENTITY, "unknown_target").await;
    let path = format!("/api/v1/datasets/{dataset}");
    assert_eq!(send(&server, Method::DELETE, &path, &key.text).await.status(), StatusCode::NO_CONTENT);
    // What reads is not on record, nor is who shows no key that is valid.
    assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    assert_eq!(get(&server, "/api/v1/users", &key.text).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.post("/api/v1/users", &json!({})).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(&server, Method::POST, "/jobs/ttl_cleanup/run", &key.text).await.status(), StatusCode::FORBIDDEN);
    assert!(send(&server, Method::POST, "/jobs/ttl_cleanup/run", ADMIN_KEY).await.status().is_success());
    assert_eq!(delete(&server, &format!("/api/v1/keys/{}", key.id)).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(delete(&server, &format!("/api/v1/users/{user}")).await.status(), StatusCode::NO_CONTENT);

    let expected = [
        ("AUTH__ADMIN_KEY_FILE", "succeeded"),
        ("POST /api/v1/users", "succeeded"),
        ("POST /api/v1/users/{id}/keys", "succeeded"),
        ("POST /api/v1/datasets", "succeeded"),
        ("POST /api/v1/runs", "refused"),
        ("DELETE /api/v1/datasets/{id}", "succeeded"),
        ("POST /jobs/{job_name}/run", "refused"),
        ("POST /jobs/{job_name}/run", "succeeded"),
        ("DELETE /api/v1/keys/{id}", "succeeded"),
        ("DELETE /api/v1/users/{id}", "succeeded"),
    ];
    // What was refused is written beside its response.
    let entries = eventually("all are on record", PATIENCE, async || {
        let entries = listed(&server, "/api/v1/audit").await;
        if entries.len() == expected.len() { Ok(entries) } else { Err(format!("{:?}", told(&entries))) }
    })
    .await;
    let mut found = told(&entries);
    found.sort();
    let mut wanted = expected.to_vec();
    wanted.sort();
    assert_eq!(found, wanted);
    let of = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap();
    let upload = of("POST /api/v1/datasets");
    assert_eq!((&upload["user_id"], &upload["key_id"]), (&json!(user), &json!(key.id)));
    assert_eq!((&upload["status"], &upload["address"]), (&json!(201), &json!("127.0.0.1")));
    assert_eq!(of("POST /api/v1/users")["object"], json!(format!("/api/v1/users/{user}")));
    assert_eq!(of("POST /api/v1/users/{id}/keys")["object"], json!(format!("/api/v1/keys/{}", key.id)));
    assert_eq!(of("DELETE /api/v1/datasets/{id}")["object"], json!(path));
}

#[tokio::test]
async fn a_key_in_a_path_is_not_on_record() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    assert_eq!(delete(&server, &format!("/api/v1/keys/{}", key.text)).await.status(), StatusCode::NOT_FOUND);
    let entry = eventually("it is on record", PATIENCE, async || {
        let entries = listed(&server, "/api/v1/audit").await;
        let found = entries.iter().find(|entry| entry["action"] == "DELETE /api/v1/keys/{id}").cloned();
        found.ok_or_else(|| format!("{:?}", told(&entries)))
    })
    .await;
    let shown = key.text.rsplit_once('_').unwrap().0;
    assert_eq!(entry["object"], json!(format!("/api/v1/keys/{shown}_***")));
}

#[tokio::test]
async fn the_audit_log_is_read_by_pages_and_forgotten_in_time() {
    let server = start_with(&[("RETENTION__AUDIT", "1h")]).await;
    for name in ["a", "b", "c"] {
        new_user(&server, name).await;
    }
    let page = body(get(&server, "/api/v1/audit?limit=3", ADMIN_KEY).await, StatusCode::OK).await;
    let next = format!("/api/v1/audit?limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = body(get(&server, &next, ADMIN_KEY).await, StatusCode::OK).await;
    assert_eq!((page["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (3, 1));
    assert_eq!(rest["next_cursor"], Value::Null);
    let database = server.database().await;
    sqlx::query("UPDATE audit SET at = 1 WHERE action = 'POST /api/v1/users'").execute(&database).await.unwrap();
    sqlx::query("INSERT INTO user_days (day, user_id) VALUES (1, 'a'), (1, 'b'), (2, 'a')")
        .execute(&database)
        .await
        .unwrap();
    let run = post(&server, "/jobs/audit_retention/run", &json!({})).await;
    assert!(run.status().is_success(), "{run:?}");
    eventually("the old entries are gone", PATIENCE, async || {
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM audit WHERE at = 1").fetch_one(&database).await.unwrap();
        let days = "SELECT COUNT(*) FROM user_days WHERE day < 10";
        let days: i64 = sqlx::query_scalar(days).fetch_one(&database).await.unwrap();
        (left, days) == (0, 0)
    })
    .await;
    assert!(!listed(&server, "/api/v1/audit").await.is_empty(), "new entries stay");
}
