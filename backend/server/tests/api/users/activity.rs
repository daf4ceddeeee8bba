//! When keys were last used, and who was active.

use belfry_test_support::{PATIENCE, eventually};
use reqwest::StatusCode;
use serde_json::Value;

use super::{ADMIN_KEY, body, get, listed, new_key, new_user, post, start_again_with, start_with};

#[tokio::test]
async fn the_last_use_is_written_once_a_minute_at_most() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let key = new_key(&server, &user, &["read"]).await;
    let path = format!("/api/v1/users/{user}/keys");
    assert_eq!(listed(&server, &path).await[0]["last_used_at"], Value::Null);
    let last_use = async || listed(&server, &path).await[0]["last_used_at"].as_str().map(str::to_owned);
    assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    let first = eventually("the use is on record", PATIENCE, last_use).await;
    for _ in 0..20 {
        assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
    }
    assert_eq!(last_use().await.as_ref(), Some(&first), "uses within a minute are not written");
    // As if it had been longer ago; what is in memory says otherwise until it is read again.
    key.change(&server, "last_used_at = 1000000").await;
    let second = eventually("a later use is on record", PATIENCE, async || {
        get(&server, "/api/v1/runs", &key.text).await;
        last_use().await.filter(|last| !last.starts_with("1970"))
    })
    .await;
    assert!(second > first, "{second} after {first}");
}

#[tokio::test]
async fn users_are_counted_by_the_days_on_which_they_were_active() {
    let (mut server, _file) = start_again_with(&[]).await;
    let gauge = |period: &str| format!("belfry_active_users{{period=\"{period}\"}}");
    for name in ["a", "b"] {
        let user = new_user(&server, name).await;
        let key = new_key(&server, &user, &["read"]).await;
        for _ in 0..3 {
            assert_eq!(get(&server, "/api/v1/runs", &key.text).await.status(), StatusCode::OK);
        }
    }
    let silent = new_user(&server, "never seen").await;
    let database = server.database().await;
    let days =
        async || -> i64 { sqlx::query_scalar("SELECT COUNT(*) FROM user_days").fetch_one(&database).await.unwrap() };
    eventually("three users were active, the admin among them", PATIENCE, async || days().await == 3).await;
    sqlx::query("INSERT INTO user_days (day, user_id) SELECT MAX(day) - 6, $1 FROM user_days")
        .bind(&silent)
        .execute(&database)
        .await
        .unwrap();
    sqlx::query("INSERT INTO user_days (day, user_id) SELECT MAX(day) - 20, 'gone' FROM user_days")
        .execute(&database)
        .await
        .unwrap();
    // It counts once a minute, and at its start.
    server.kill();
    server.start_again(&[]);
    server.await_metric(&gauge("dau"), 3.0).await;
    server.await_metric(&gauge("wau"), 4.0).await;
    server.await_metric(&gauge("mau"), 5.0).await;
    server.await_metric("belfry_users", 4.0).await;

    let run = post(&server, "/jobs/business_snapshot/run", &serde_json::json!({})).await;
    assert!(run.status().is_success());
    let snapshot = eventually("a snapshot has the users", PATIENCE, async || {
        let runs =
            body(get(&server, "/jobs/status?job_name=business_snapshot&limit=1", ADMIN_KEY).await, StatusCode::OK);
        let text = runs.await.to_string();
        if text.contains("\"mau\":5") { Ok(text) } else { Err(text) }
    })
    .await;
    assert!(snapshot.contains("\"users\":4"), "{snapshot}");
}
