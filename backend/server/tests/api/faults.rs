//! What the service stands on fails for a while, really: answers say so in time, and it recovers without a restart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};

use crate::mounts::Tmpfs;
use crate::postgres::Postgres;
use crate::server::{PATIENCE, Server, problem};
use crate::uploads::{TABLE, await_files, generated, kept_files, post, send, sha256, upload};

/// Within this time an outage of the database must show.
const BOUND: Duration = Duration::from_secs(3);

/// Waits until a route answers with this status.
async fn await_status(server: &Server, path: &str, status: StatusCode) -> Value {
    let started = Instant::now();
    loop {
        let answer = server.get(path).await;
        let found = answer.status();
        let body: Value = answer.json().await.unwrap();
        if found == status {
            return body;
        }
        assert!(started.elapsed() < PATIENCE, "{path} answers {found}: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn assert_database_is_gone(server: &Server) {
    let gone = Instant::now();
    let ready = await_status(server, "/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(gone.elapsed() < BOUND, "/readyz took {:?}", gone.elapsed());
    assert!(ready["message"].as_str().unwrap().starts_with("database: "), "{ready}");
    let health = await_status(server, "/health", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(health["checks"]["database"]["status"], "failed", "{health}");
    let healthz = await_status(server, "/healthz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!((&healthz["status"], &healthz["healthy"]), (&json!("error"), &json!(false)), "{healthz}");
    let asked = Instant::now();
    problem(server.get("/api/v1/datasets").await, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    assert!(asked.elapsed() < BOUND, "a read took {:?}", asked.elapsed());
    let asked = Instant::now();
    let answer = send(server, "text/csv", TABLE).await;
    problem(answer, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    assert!(asked.elapsed() < BOUND, "an upload took {:?}", asked.elapsed());
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
}

async fn assert_all_is_well(server: &Server, dataset: &Value) {
    let back = Instant::now();
    await_status(server, "/readyz", StatusCode::OK).await;
    assert!(back.elapsed() < Duration::from_secs(10), "it took {:?} to be ready again", back.elapsed());
    let id = dataset["id"].as_str().unwrap();
    let content = server.get(&format!("/api/v1/datasets/{id}/content")).await;
    assert_eq!(sha256(&content.bytes().await.unwrap()), dataset["sha256"].as_str().unwrap());
    upload(server, "", TABLE).await;
}

#[tokio::test]
async fn a_stopped_database_is_told_in_time_and_taken_up_again() {
    let Some(postgres) = Postgres::start() else { return };
    let server = Server::start_with(&[("DATABASE__URL", &postgres.url)]).await;
    let dataset = upload(&server, "", TABLE).await;
    await_status(&server, "/readyz", StatusCode::OK).await;
    postgres.down();
    assert_database_is_gone(&server).await;
    postgres.up();
    assert_all_is_well(&server, &dataset).await;
}

#[tokio::test]
async fn a_frozen_database_is_told_in_time_and_taken_up_again() {
    let Some(postgres) = Postgres::start() else { return };
    let server = Server::start_with(&[("DATABASE__URL", &postgres.url)]).await;
    let dataset = upload(&server, "", TABLE).await;
    await_status(&server, "/readyz", StatusCode::OK).await;
    postgres.freeze();
    assert_database_is_gone(&server).await;
    postgres.thaw();
    assert_all_is_well(&server, &dataset).await;
}

#[tokio::test]
async fn a_locked_database_file_is_told_in_time_and_taken_up_again() {
    if std::env::var("BELFRY_TEST_DATABASE_URL").is_ok() {
        return; // There is no such file.
    }
    let server = Server::start().await;
    let dataset = upload(&server, "", TABLE).await;
    await_status(&server, "/readyz", StatusCode::OK).await;
    let file = format!("sqlite://{}", server.folder.path().join("belfry.db").display());
    let mut other = sqlx::SqliteConnection::connect(&file).await.unwrap();
    other.execute("PRAGMA busy_timeout = 20000").await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();

    let locked = Instant::now();
    let ready = await_status(&server, "/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(locked.elapsed() < BOUND, "/readyz took {:?}", locked.elapsed());
    assert!(ready["message"].as_str().unwrap().starts_with("database: "), "{ready}");
    let asked = Instant::now();
    let answer = send(&server, "text/csv", TABLE).await;
    problem(answer, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    assert!(asked.elapsed() < BOUND, "an upload took {:?}", asked.elapsed());
    // In this mode readers are not held up.
    assert_eq!(server.get("/api/v1/datasets").await.status(), StatusCode::OK);
    other.execute("ROLLBACK").await.unwrap();
    assert_all_is_well(&server, &dataset).await;
    // The refused upload left no file, or one that the sweep finds.
    let listed = server.json("/api/v1/datasets").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
}

#[tokio::test]
async fn a_read_only_file_store_is_told_and_taken_up_again() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let Some(files) = Tmpfs::mount(&folder.path().join("files"), "64m") else { return };
    let server = Server::start_in(folder, &[]).await;
    let dataset = upload(&server, "", TABLE).await;
    await_status(&server, "/readyz", StatusCode::OK).await;
    files.remount("ro");

    let health = await_status(&server, "/health", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(health["status"], "error", "{health}");
    let storage = &health["checks"]["storage"];
    assert_eq!((&storage["status"], &storage["required"]), (&json!("failed"), &json!(true)), "{storage}");
    assert!(storage["message"].as_str().unwrap().contains("cannot write"), "{storage}");
    assert_eq!(health["checks"]["database"]["status"], "ok", "{health}");
    assert_eq!(server.metric(r#"health_check_status{check="storage"}"#).await, Some(0.0));
    let refused = send(&server, "text/csv", TABLE).await;
    problem(refused, StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable").await;
    // What is there can still be read.
    let id = dataset["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/datasets/{id}/content")).await.text().await.unwrap(), TABLE);

    files.remount("rw");
    assert_all_is_well(&server, &dataset).await;
    assert_eq!(server.json("/api/v1/datasets").await["items"].as_array().unwrap().len(), 2);
    await_files(&server, 2).await;
}

#[tokio::test]
async fn a_full_disk_is_told_leaves_nothing_half_written_and_is_got_over() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let Some(_files) = Tmpfs::mount(&folder.path().join("files"), "8m") else { return };
    let server = Server::start_in(folder.clone(), &[]).await;
    let dataset = upload(&server, "", TABLE).await;
    for _ in 0..2 {
        let refused = post(&server, "").header("content-type", "text/csv").body(generated(32 << 20)).send().await;
        problem(refused.unwrap(), StatusCode::INSUFFICIENT_STORAGE, "storage_full").await;
        await_files(&server, 1).await;
    }
    assert_eq!(server.json("/api/v1/datasets").await["items"].as_array().unwrap().len(), 1);
    server.await_metric(r#"belfry_uploads_total{outcome="failed"}"#, 2.0).await;
    server.await_metric("belfry_uploads_in_progress", 0.0).await;

    // Full to the last byte: then a small one fails too, and health says why.
    let ballast = folder.path().join("files/ballast");
    let mut full = std::process::Command::new("sh");
    full.arg("-c").arg(format!("cat /dev/zero > '{}'", ballast.display()));
    assert!(!full.stderr(std::process::Stdio::null()).status().unwrap().success());
    problem(send(&server, "text/csv", TABLE).await, StatusCode::INSUFFICIENT_STORAGE, "storage_full").await;
    let health = await_status(&server, "/health", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(health["checks"]["storage"]["status"], "failed", "{health}");
    assert_eq!(kept_files(&server).len(), 1, "{:?}", kept_files(&server));

    std::fs::remove_file(ballast).unwrap();
    assert_all_is_well(&server, &dataset).await;
    await_files(&server, 2).await;
}

#[tokio::test]
async fn a_full_disk_under_the_embedded_database_is_told_and_got_over() {
    if std::env::var("BELFRY_TEST_DATABASE_URL").is_ok() {
        return; // The database is elsewhere.
    }
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let Some(_all) = Tmpfs::mount(folder.path(), "24m") else { return };
    let server = Server::start_in(folder.clone(), &[]).await;
    let dataset = upload(&server, "", TABLE).await;
    let ballast = folder.path().join("ballast");
    let mut full = std::process::Command::new("sh");
    full.arg("-c").arg(format!("cat /dev/zero > '{}'", ballast.display()));
    assert!(!full.stderr(std::process::Stdio::null()).status().unwrap().success());
    let refused = send(&server, "text/csv", TABLE).await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE, "{}", refused.text().await.unwrap());
    await_status(&server, "/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    let healthz = await_status(&server, "/healthz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(healthz["checks"]["disk"]["status"], "error", "{healthz}");
    std::fs::remove_file(ballast).unwrap();
    assert_all_is_well(&server, &dataset).await;
    assert_eq!(await_status(&server, "/healthz", StatusCode::OK).await["checks"]["disk"]["status"], "ok");
    await_files(&server, 2).await;
}
