//! The beginning and the end of a server: not ready, draining, finishing, cut off.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, Executor};

use crate::api::support::runs::{FAKE, await_gone, await_step, children, submit_fake, upload_shipped};
use crate::api::support::server::{PATIENCE, Server, command};
use crate::api::support::skipping::skipped_on_postgres;
use crate::api::support::uploads::{await_files, begin_upload, kept_files};

#[tokio::test]
async fn a_server_that_starts_is_alive_and_not_ready() {
    if skipped_on_postgres("no lock on a file holds the start up") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("belfry.db"));
    let mut other = options.create_if_missing(true).connect().await.unwrap();
    other.execute("CREATE TABLE unrelated (id INTEGER)").await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let mut child = command(&[], folder.path()).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let starting = lines.find(|line| line.contains("\"starting\"")).unwrap();
    let starting: Value = serde_json::from_str(&starting).unwrap();
    let url = format!("http://{}", starting["address"].as_str().unwrap());
    let client = belfry_telemetry::tls::http_client().no_proxy().build().unwrap();
    let get = |path: &str| client.get(format!("{url}{path}")).send();
    assert_eq!(get("/livez").await.unwrap().status(), StatusCode::OK);
    for path in ["/readyz", "/api/v1/datasets"] {
        let answer = get(path).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["message"], "starting");
    }
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    // On the same connection as before.
    eventually("it is ready", PATIENCE, async || get("/readyz").await.unwrap().status() == StatusCode::OK).await;
    assert_eq!(get("/api/v1/datasets").await.unwrap().status(), StatusCode::OK);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_draining_server_is_not_ready_and_serves_what_still_comes() {
    let mut server = Server::start_with(&[("SERVER__DRAIN", "3s")]).await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    let (pieces, answer) = begin_upload(&server).await;
    let asked = Instant::now();
    server.terminate();
    server.await_log(&["not ready any more"]).await;
    // On a connection of its own, as a balancer's probe is.
    let probe = belfry_telemetry::tls::http_client().no_proxy().build().unwrap();
    let ready = probe.get(format!("{}/readyz", server.url)).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap()["message"], "stopping");
    assert_eq!(probe.get(format!("{}/livez", server.url)).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(probe.get(format!("{}/api/v1/datasets", server.url)).send().await.unwrap().status(), StatusCode::OK);
    server.await_log(&["shutdown started"]).await;
    assert!(asked.elapsed() >= Duration::from_secs(3), "it drained for {:?}", asked.elapsed());
    // The upload ends after that, within the grace.
    pieces.send(Bytes::from_static(b"3,4\n")).await.unwrap();
    drop(pieces);
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::CREATED);
    assert_eq!(server.ended().await, Some(0));
    assert!(probe.get(format!("{}/livez", server.url)).send().await.is_err(), "somebody still listens");
}

#[tokio::test]
async fn work_that_does_not_end_is_cut_off_within_the_grace() {
    let patient = [("SERVER__BODY_TIMEOUT", "1h"), ("UPLOAD__IDLE_TIMEOUT", "1h")];
    let mut server = Server::start_with(&[FAKE, ("SERVER__SHUTDOWN_GRACE", "2s"), patient[0], patient[1]]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    await_step(&server, &id).await;
    let processes = children(server.pid());
    let (_pieces, answer) = begin_upload(&server).await;
    let asked = Instant::now();
    assert_eq!(server.stop().await, Some(0));
    assert!(asked.elapsed() < Duration::from_millis(2_500), "it took {:?}", asked.elapsed());
    crate::api::support::server::problem(answer.await.unwrap().unwrap(), StatusCode::SERVICE_UNAVAILABLE, "busy").await;
    await_gone(&processes).await;
    await_files(&server, 1).await;
    assert!(server.log.lock().unwrap().iter().any(|line| line.contains("work cut off")));
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    let grace = ("SERVER__SHUTDOWN_GRACE", "40s");
    for drain in ["0s", "40s"] {
        let mut server = Server::start_with(&[FAKE, grace, ("SERVER__DRAIN", drain)]).await;
        let dataset_id = upload_shipped(&server, "iris.csv").await;
        let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
        await_step(&server, &id).await;
        let processes = children(server.pid());
        let (_pieces, _answer) = begin_upload(&server).await;
        server.terminate();
        server.await_log(&[if drain == "0s" { "shutdown started" } else { "not ready any more" }]).await;
        let asked = Instant::now();
        server.terminate();
        assert_eq!(server.ended().await, Some(130));
        assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?}", asked.elapsed());
        await_gone(&processes).await;
        // What was cut off so is found at the next start.
        assert!(kept_files(&server).len() <= 2);
    }
}
