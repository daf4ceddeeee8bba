//! Keys while the database does not answer.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::{ADMIN_KEY, Key, get, new_key, new_user, start_with};
use crate::api::support::outages::BOUND;
use crate::api::support::postgres::Postgres;
use crate::api::support::server::{Server, problem};
use crate::api::support::skipping::skipped_on_postgres;

/// A page that needs no database itself.
const PAGE: &str = "/api/v1/viewer";

/// Two keys, of which one is in use.
async fn keys(server: &Server) -> (Key, Key) {
    let user = new_user(server, "somebody").await;
    let (used, unused) = (new_key(server, &user, &["read"]).await, new_key(server, &user, &["read"]).await);
    assert_eq!(get(server, PAGE, &used.text).await.status(), StatusCode::OK);
    (used, unused)
}

/// For longer than a key is taken without asking the database.
async fn assert_used_keys_go_on(server: &Server, used: &Key, unused: &Key) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(7) {
        let asked = Instant::now();
        assert_eq!(get(server, PAGE, &used.text).await.status(), StatusCode::OK, "after {:?}", began.elapsed());
        assert!(asked.elapsed() < BOUND, "it took {:?}", asked.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = Instant::now();
    problem(get(server, PAGE, &unused.text).await, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    assert!(asked.elapsed() < BOUND, "it took {:?}", asked.elapsed());
}

async fn assert_all_keys_are_well(server: &Server, used: &Key, unused: &Key) {
    server.await_status("/readyz", StatusCode::OK).await;
    for key in [&used.text, &unused.text, ADMIN_KEY] {
        assert_eq!(get(server, PAGE, key).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn without_its_file_a_key_in_use_is_taken_and_others_not() {
    if skipped_on_postgres("there is no file to be moved") {
        return;
    }
    let server = start_with(&[]).await;
    let (used, unused) = keys(&server).await;
    let (file, away) = (server.folder.path().join("belfry.db"), server.folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    assert_used_keys_go_on(&server, &used, &unused).await;
    std::fs::rename(&away, &file).unwrap();
    assert_all_keys_are_well(&server, &used, &unused).await;
}

#[tokio::test]
async fn without_postgresql_a_key_in_use_is_taken_and_others_not() {
    let Some(postgres) = Postgres::start() else { return };
    let server = start_with(&[("DATABASE__URL", &postgres.url)]).await;
    let (used, unused) = keys(&server).await;
    postgres.down();
    assert_used_keys_go_on(&server, &used, &unused).await;
    postgres.up();
    assert_all_keys_are_well(&server, &used, &unused).await;
}
