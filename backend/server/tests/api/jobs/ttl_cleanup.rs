//! TTL clean-up: what it removes, what it leaves, what never stops it, and how much it can take.

use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use belfry_test_support::s3::S3;
use belfry_test_support::stub::hanging;
use serde_json::{Value, json};
use sqlx::AnyPool;

use crate::api::support::jobs::await_runs;
use crate::api::support::runs::{FAKE, submit_fake};
use crate::api::support::server::{PATIENCE, Server, shipped};
use crate::api::support::uploads::{TABLE, await_files, forget_peak, peak_bytes, resident_bytes, upload};

/// Clean-up happens when the test asks for it.
const ON_DEMAND: [(&str, &str); 2] = [("CLEANUP__INTERVAL", "1d"), ("RETENTION__MIN_TTL", "1s")];

/// Runs the clean-up to its end and returns what it did.
async fn clean_up(server: &Server) -> Value {
    let before = await_runs(server, "ttl_cleanup", 1).await.len();
    server.post("/jobs/ttl_cleanup/run", &json!({})).await;
    await_runs(server, "ttl_cleanup", before + 1).await.remove(0)
}

async fn count(database: &AnyPool, which: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM datasets WHERE {which}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(database).await.unwrap()
}

/// Makes all datasets expire now.
async fn expire(database: &AnyPool) {
    sqlx::query("UPDATE datasets SET expires_at = 1 WHERE expires_at > 1").execute(database).await.unwrap();
}

/// Datasets that have expired, by one statement; their files are not there.
async fn insert_expired(database: &AnyPool, rows: u32) {
    let sql = format!(
        "INSERT INTO datasets (id, name, format, size_bytes, sha256, row_count, columns, storage_key, created_at, expires_at) \
         WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {rows}) \
         SELECT 'mass-' || CAST(1000000 + i AS TEXT), 'mass', 'csv', 10, '', 1, '[]', \
         'datasets/mass-' || CAST(1000000 + i AS TEXT), 1, 1 + i / 1000 FROM numbers"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(database).await.unwrap();
}

/// Waits until all are removed, for as long as there are fewer and fewer.
async fn await_none_left(database: &AnyPool) {
    let (mut least, mut since) = (i64::MAX, Instant::now());
    loop {
        match count(database, "name = 'mass'").await {
            0 => return,
            left if left < least => (least, since) = (left, Instant::now()),
            left => assert!(since.elapsed() < PATIENCE, "{left} stay"),
        }
        // Each count reads all rows that are left.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_expire_in_bounded_memory_across_a_stop() {
    const ROWS: u32 = 100_000;
    const FILES: u32 = 2_000;
    let mut server = Server::start_with(&ON_DEMAND).await;
    let database = server.database().await;
    let stays = upload(&server, "", TABLE).await;
    await_runs(&server, "ttl_cleanup", 1).await;
    insert_expired(&database, ROWS).await;
    let folder = server.folder.path().join("files/datasets");
    // Some at the beginning, the rest at the end.
    for number in (1..=FILES / 2).chain(ROWS - FILES / 2 + 1..=ROWS) {
        std::fs::write(folder.join(format!("mass-{}", 1_000_000 + number)), b"0123456789").unwrap();
    }
    forget_peak(server.pid());
    let before = resident_bytes(server.pid());
    let began = Instant::now();
    server.post("/jobs/ttl_cleanup/run", &json!({})).await;
    eventually("a tenth is removed", PATIENCE, async || {
        let left = count(&database, "name = 'mass'").await;
        if left <= i64::from(ROWS) * 9 / 10 { Ok(()) } else { Err(format!("{left} are left")) }
    })
    .await;
    let during = peak_bytes(server.pid());
    let stopped = Instant::now();
    assert_eq!(server.stop().await, Some(0));
    assert!(stopped.elapsed() < Duration::from_secs(5), "it took {:?} to stop", stopped.elapsed());
    let left = count(&database, "name = 'mass'").await;
    assert!(left > 0, "it was not interrupted");

    server.start_again(&[]);
    let restarted = resident_bytes(server.pid());
    let ended = await_runs(&server, "ttl_cleanup", 1).await.len();
    server.post("/jobs/ttl_cleanup/run", &json!({})).await;
    await_none_left(&database).await;
    let run = await_runs(&server, "ttl_cleanup", ended + 1).await.remove(0);
    assert_eq!(
        (&run["status"], &run["metadata"]),
        (&json!("success"), &json!({"removed": left, "failed": 0})),
        "{run}"
    );
    let after = peak_bytes(server.pid());
    println!("{ROWS} in {:?}; from {before} to {during}, then from {restarted} to {after} bytes", began.elapsed());
    assert!(during < before + (48 << 20), "{before} before, and at the peak {during} bytes");
    assert!(after < restarted + (48 << 20), "{restarted} before, and at the peak {after} bytes");
    assert_eq!(count(&database, "name = 'mass'").await, 0);
    assert_eq!(server.metric("belfry_cleanup_files_removed_total").await, Some(left as f64));
    assert_eq!(server.metric("belfry_cleanup_bytes_freed_total").await, Some(left as f64 * 10.0));
    await_files(&server, 1).await;
    let id = stays["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/datasets/{id}/content")).await.text().await.unwrap(), TABLE);
}

#[tokio::test]
async fn one_bad_file_never_stops_the_cycle_and_is_tried_again() {
    let server = Server::start_with(&ON_DEMAND).await;
    let database = server.database().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(upload(&server, "", TABLE).await["id"].as_str().unwrap().to_owned());
    }
    await_runs(&server, "ttl_cleanup", 1).await;
    // A folder where the file was cannot be removed as one, not even by root.
    let bad = server.folder.path().join("files/datasets").join(&ids[0]);
    std::fs::remove_file(&bad).unwrap();
    std::fs::create_dir_all(bad.join("inside")).unwrap();
    expire(&database).await;
    let run = clean_up(&server).await;
    assert_eq!((&run["status"], &run["metadata"]), (&json!("success"), &json!({"removed": 3, "failed": 1})), "{run}");
    assert_eq!(server.metric("belfry_cleanup_errors_total").await, Some(1.0));
    assert_eq!(count(&database, "1 = 1").await, 1);
    eventually("the lag shows what could not be removed", PATIENCE, async || {
        let lag = server.metric("belfry_cleanup_lag_seconds").await;
        if lag >= Some(1.0) { Ok(()) } else { Err(format!("{lag:?}")) }
    })
    .await;
    std::fs::remove_dir_all(&bad).unwrap();
    std::fs::write(&bad, TABLE).unwrap();
    assert_eq!(clean_up(&server).await["metadata"], json!({"removed": 1, "failed": 0}));
    assert_eq!(count(&database, "1 = 1").await, 0);
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_file_store_that_hangs_does_not_hold_up_the_database() {
    let s3 = S3::start().await;
    let settings = s3.settings();
    let s3_settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut server =
        Server::start_with(&[&s3_settings[..], &ON_DEMAND, &[FAKE, ("TRAINING__WORKERS", "0")]].concat()).await;
    let database = server.database().await;
    for _ in 0..3 {
        upload(&server, "", TABLE).await;
    }
    await_runs(&server, "ttl_cleanup", 1).await;
    expire(&database).await;
    let dataset = upload(&server, "", shipped("iris.csv")).await;
    server.stop().await;
    let (_silent, url) = hanging().await;
    server.start_again(&[("STORAGE__ENDPOINT", &url)]);
    server.post("/jobs/ttl_cleanup/run", &json!({})).await;
    eventually("the clean-up begins", PATIENCE, async || count(&database, "removal_began_at IS NOT NULL").await >= 3)
        .await;
    for _ in 0..5 {
        let asked = Instant::now();
        submit_fake(&server, dataset["id"].as_str().unwrap(), "slow", 1).await;
        assert!(asked.elapsed() < Duration::from_secs(3), "it took {:?} to queue a run", asked.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // What has begun is finished once the store is back.
    server.kill();
    server.start_again(&[("STORAGE__ENDPOINT", &settings[1].1)]);
    eventually("the clean-up goes on", PATIENCE, async || {
        server.post("/jobs/ttl_cleanup/run", &json!({})).await;
        count(&database, "1 = 1").await <= 1
    })
    .await;
}

#[tokio::test]
async fn a_full_batch_is_followed_by_the_next_at_once() {
    let server = Server::start_with(&[&ON_DEMAND[..], &[("CLEANUP__BATCH", "2")]].concat()).await;
    for _ in 0..7 {
        upload(&server, "", TABLE).await;
    }
    await_runs(&server, "ttl_cleanup", 1).await;
    expire(&server.database().await).await;
    assert_eq!(clean_up(&server).await["metadata"], json!({"removed": 7, "failed": 0}));
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_dataset_that_a_run_needs_stays_until_the_run_ends() {
    let server = Server::start_with(&[&ON_DEMAND[..], &[FAKE, ("TRAINING__WORKERS", "0")]].concat()).await;
    let database = server.database().await;
    let dataset = upload(&server, "", shipped("iris.csv")).await;
    let dataset_id = dataset["id"].as_str().unwrap();
    let queued = submit_fake(&server, dataset_id, "slow", 10).await;
    await_runs(&server, "ttl_cleanup", 1).await;
    expire(&database).await;
    assert_eq!(clean_up(&server).await["metadata"], json!({"removed": 0, "failed": 0}));
    await_files(&server, 1).await;
    // The same while it runs, whoever trains it.
    sqlx::query("UPDATE runs SET status = 'running', lease_until = $1")
        .bind(i64::MAX)
        .execute(&database)
        .await
        .unwrap();
    assert_eq!(clean_up(&server).await["metadata"], json!({"removed": 0, "failed": 0}));
    await_files(&server, 1).await;
    sqlx::query("UPDATE runs SET status = 'queued', lease_until = NULL").execute(&database).await.unwrap();
    server.post(&format!("/api/v1/runs/{queued}/cancel"), &json!({})).await;
    assert_eq!(clean_up(&server).await["metadata"], json!({"removed": 1, "failed": 0}));
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_dataset_being_removed_takes_no_run_and_is_not_shown() {
    let server = Server::start_with(&[&ON_DEMAND[..], &[FAKE]].concat()).await;
    let database = server.database().await;
    let dataset = upload(&server, "", shipped("iris.csv")).await;
    let id = dataset["id"].as_str().unwrap();
    // As a process leaves it that dies between the mark and the row's end, or one whose clock is ahead of this one's.
    sqlx::query("UPDATE datasets SET removal_began_at = 1").execute(&database).await.unwrap();
    assert_eq!(server.get(&format!("/api/v1/datasets/{id}")).await.status(), 404);
    let run = json!({"dataset_id": id, "target": "species", "algorithm": "fake"});
    assert_eq!(server.post("/api/v1/runs", &run).await.status(), 404);
    assert_eq!(server.json("/api/v1/datasets").await["items"], json!([]));
}

#[tokio::test]
async fn what_may_live_for_ever_does() {
    let server = Server::start_with(&[&ON_DEMAND[..], &[("RETENTION__ALLOW_NEVER", "true")]].concat()).await;
    let dataset = upload(&server, "?ttl_seconds=never", TABLE).await;
    assert_eq!(dataset["expires_at"], Value::Null);
    await_runs(&server, "ttl_cleanup", 1).await;
    expire(&server.database().await).await;
    assert_eq!(clean_up(&server).await["metadata"], json!({"removed": 0, "failed": 0}));
    assert_eq!(server.get(&format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap())).await.status(), 200);
}
