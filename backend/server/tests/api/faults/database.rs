//! The database goes away for a while, really: stopped, silent, locked, moved. Answers say so in time, and it is taken up
//! again without a restart.

use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode};
use serde_json::json;
use sqlx::{Connection, Executor};

use crate::api::support::outages::{BOUND, assert_all_is_well};
use crate::api::support::postgres::Postgres;
use crate::api::support::runs::{FAKE, await_end, await_step, submit_fake, upload_shipped};
use crate::api::support::server::{Server, problem};
use crate::api::support::skipping::skipped_on_postgres;
use crate::api::support::uploads::{TABLE, begin_upload, send, upload};

async fn assert_database_is_gone(server: &Server) {
    let gone = Instant::now();
    let ready = server.await_status("/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(gone.elapsed() < BOUND, "/readyz took {:?}", gone.elapsed());
    assert!(ready["message"].as_str().unwrap().starts_with("database: "), "{ready}");
    let asked = Instant::now();
    let health = server.await_status("/health", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(asked.elapsed() < BOUND, "/health took {:?}", asked.elapsed());
    assert_eq!(health["checks"]["database"]["status"], "failed", "{health}");
    let asked = Instant::now();
    let healthz = server.await_status("/healthz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(asked.elapsed() < BOUND, "/healthz took {:?}", asked.elapsed());
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

#[tokio::test]
async fn a_stopped_database_is_reported_in_time_and_taken_up_again() {
    let Some(postgres) = Postgres::start() else { return };
    let server = Server::start_with(&[("DATABASE__URL", &postgres.url)]).await;
    let dataset = upload(&server, "", TABLE).await;
    server.await_status("/readyz", StatusCode::OK).await;
    postgres.down();
    assert_database_is_gone(&server).await;
    postgres.up();
    assert_all_is_well(&server, &dataset).await;
}

#[tokio::test]
async fn a_frozen_database_is_reported_in_time_and_taken_up_again() {
    let Some(postgres) = Postgres::start() else { return };
    let server = Server::start_with(&[("DATABASE__URL", &postgres.url)]).await;
    let dataset = upload(&server, "", TABLE).await;
    server.await_status("/readyz", StatusCode::OK).await;
    postgres.freeze();
    assert_database_is_gone(&server).await;
    postgres.thaw();
    assert_all_is_well(&server, &dataset).await;
}

/// Asks over and over and returns the last answer, which is the first that is not as `expected`, and how long it took.
async fn ask_until_not(expected: StatusCode, ask: impl AsyncFn() -> Response) -> (Response, Duration) {
    loop {
        let asked = Instant::now();
        let answer = ask().await;
        if answer.status() != expected {
            return (answer, asked.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_as_the_database_freezes_are_answered() {
    let Some(postgres) = Postgres::start() else { return };
    // More connections than requests, so that each is in the middle of a question rather than in a queue.
    let settings = [FAKE, ("DATABASE__MAX_CONNECTIONS", "30"), ("TRAINING__LEASE", "20s")];
    let server = Server::start_with(&[&settings[..], &[("DATABASE__URL", &postgres.url)]].concat()).await;
    let dataset = upload(&server, "", TABLE).await;
    let iris = upload_shipped(&server, "iris.csv").await;
    let run = submit_fake(&server, &iris, "slow", 200).await;
    await_step(&server, &run).await;
    let waiting = submit_fake(&server, &iris, "slow", 1).await;
    let (pieces, upload_under_way) = begin_upload(&server).await;
    // Deleted while it is frozen, or not yet.
    let doomed = upload(&server, "", TABLE).await["id"].as_str().unwrap().to_owned();

    let reads = [
        "/api/v1/datasets".to_owned(),
        format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap()),
        format!("/api/v1/datasets/{}/content", dataset["id"].as_str().unwrap()),
        "/api/v1/runs".to_owned(),
        format!("/api/v1/runs/{waiting}"),
        "/api/v1/alerts".to_owned(),
        "/jobs".to_owned(),
        "/jobs/status".to_owned(),
        "/jobs/stats/ttl_cleanup".to_owned(),
    ];
    let bodies = json!({"dataset_id": iris, "target": "nothing"});
    let reading = reads.iter().map(|path| ask_until_not(StatusCode::OK, async || server.get(path).await));
    let reading = futures::future::join_all(reading);
    let (run_now, nothing) = ("/jobs/run_reaper/run", json!({}));
    let asking = ask_until_not(StatusCode::ACCEPTED, async || server.post(run_now, &nothing).await);
    let submitting =
        ask_until_not(StatusCode::UNPROCESSABLE_ENTITY, async || server.post("/api/v1/runs", &bodies).await);
    let freezing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| postgres.freeze());
        let began = Instant::now();
        drop(pieces);
        let answer = upload_under_way.await.unwrap().unwrap();
        (answer, began.elapsed())
    };
    let (read, asked, submitted, uploaded) = tokio::join!(reading, asking, submitting, freezing);
    for (answer, took) in read.into_iter().chain([asked, submitted, uploaded]) {
        let url = answer.url().to_string();
        problem(answer, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
        assert!(took < BOUND + Duration::from_millis(500), "{url} took {took:?}");
    }
    let asked = Instant::now();
    let cancelled = server.post(&format!("/api/v1/runs/{waiting}/cancel"), &nothing).await;
    problem(cancelled, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    let deleted = server.client.delete(format!("{}/api/v1/datasets/{doomed}", server.url)).send().await.unwrap();
    problem(deleted, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    assert!(asked.elapsed() < BOUND * 2, "{:?}", asked.elapsed());
    // Longer than any task in the background waits for it.
    tokio::time::sleep(Duration::from_secs(12)).await;
    postgres.thaw();

    assert_all_is_well(&server, &dataset).await;
    assert_eq!(await_end(&server, &run).await["outcome"], "completed");
    assert_eq!(await_end(&server, &waiting).await["status"], "completed");
    let looked = server.json("/health").await["checks"]["scheduler"].clone();
    assert_eq!(looked["healthy"], true, "{looked}");
    assert_eq!(server.get(&format!("/api/v1/datasets/{doomed}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_locked_database_file_is_reported_and_taken_up_again() {
    if skipped_on_postgres("there is no such file") {
        return;
    }
    let server = Server::start().await;
    let dataset = upload(&server, "", TABLE).await;
    server.await_status("/readyz", StatusCode::OK).await;
    let file = format!("sqlite://{}", server.folder.path().join("belfry.db").display());
    let mut other = sqlx::SqliteConnection::connect(&file).await.unwrap();
    other.execute("PRAGMA busy_timeout = 20000").await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();

    let locked = Instant::now();
    let ready = server.await_status("/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
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
async fn a_database_file_moved_away_is_reported_and_taken_up_again() {
    if skipped_on_postgres("there is no such file") {
        return;
    }
    let server = Server::start().await;
    let dataset = upload(&server, "", TABLE).await;
    server.await_status("/readyz", StatusCode::OK).await;
    let (here, elsewhere) = (server.folder.path().join("belfry.db"), server.folder.path().join("elsewhere"));
    std::fs::rename(&here, &elsewhere).unwrap();
    assert_database_is_gone(&server).await;
    assert!(!here.exists(), "an empty database was made in its place");

    // Nor is another one taken for it.
    std::fs::copy(&elsewhere, &here).unwrap();
    assert_database_is_gone(&server).await;
    std::fs::rename(&elsewhere, &here).unwrap();
    assert_all_is_well(&server, &dataset).await;
    let listed = server.json("/api/v1/datasets").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
}
