//! What files are kept on fails for a while, really: answers say so, and it recovers without a restart.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::json;

use crate::api::support::jobs::{AT_ONCE, await_runs};
use crate::api::support::mounts::Tmpfs;
use crate::api::support::outages::assert_all_is_well;
use crate::api::support::server::{Server, problem};
use crate::api::support::skipping::skipped_on_postgres;
use crate::api::support::uploads::{TABLE, await_files, generated, kept_files, post, send, upload};

#[tokio::test]
async fn a_read_only_file_store_is_reported_and_taken_up_again() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let Some(files) = Tmpfs::mount(&folder.path().join("files"), "64m") else { return };
    let server = Server::start_in(folder, &[]).await;
    let dataset = upload(&server, "", TABLE).await;
    server.await_status("/readyz", StatusCode::OK).await;
    files.remount("ro");

    let health = server.await_status("/health", StatusCode::SERVICE_UNAVAILABLE).await;
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
async fn a_full_disk_is_reported_and_leaves_nothing_half_written() {
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
    let health = server.await_status("/health", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(health["checks"]["storage"]["status"], "failed", "{health}");
    assert_eq!(kept_files(&server).len(), 1, "{:?}", kept_files(&server));

    std::fs::remove_file(ballast).unwrap();
    assert_all_is_well(&server, &dataset).await;
    await_files(&server, 2).await;
}

#[tokio::test]
async fn a_full_disk_under_the_embedded_database_is_survived() {
    if skipped_on_postgres("the database is elsewhere") {
        return;
    }
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let Some(_all) = Tmpfs::mount(folder.path(), "24m") else { return };
    let server = Server::start_in(folder.clone(), &[]).await;
    let dataset = upload(&server, "", TABLE).await;
    // The jobs of the first start would fight for the database when there is space again, for longer than an upload waits.
    for job_name in AT_ONCE {
        await_runs(&server, job_name, 1).await;
    }
    let ballast = folder.path().join("ballast");
    let mut full = std::process::Command::new("sh");
    full.arg("-c").arg(format!("cat /dev/zero > '{}'", ballast.display()));
    assert!(!full.stderr(std::process::Stdio::null()).status().unwrap().success());
    let refused = send(&server, "text/csv", TABLE).await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE, "{}", refused.text().await.unwrap());
    server.await_status("/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    let healthz = server.await_status("/healthz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(healthz["checks"]["disk"]["status"], "error", "{healthz}");
    std::fs::remove_file(ballast).unwrap();
    assert_all_is_well(&server, &dataset).await;
    assert_eq!(server.await_status("/healthz", StatusCode::OK).await["checks"]["disk"]["status"], "ok");
    await_files(&server, 2).await;
}
