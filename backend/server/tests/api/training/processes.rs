//! A machine without a process or a thread left: runs wait for one at no cost, and what needs none goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::api::support::lock::Lock;
use crate::api::support::process_limit::ProcessLimit;
use crate::api::support::runs::{FAKE, await_end, await_run, await_step, run, submit_fake, upload_shipped};
use crate::api::support::server::{PATIENCE, Server, problem};
use crate::api::support::skipping::skipped_on_postgres;

const REQUEUED: &str = r#"belfry_training_requeues_total{reason="not_started"}"#;

#[tokio::test]
async fn a_run_without_a_process_waits_at_no_cost() {
    // Few connections, which are open: each connection to SQLite needs a thread.
    let few_connections = [("DATABASE__MAX_CONNECTIONS", "2"), ("TRAINING__WORKERS", "1")];
    let server = Server::start_with(&[&[FAKE, ("TRAINING__MAX_ATTEMPTS", "1")], &few_connections[..]].concat()).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let started = Instant::now();
    let Some(limit) = ProcessLimit::impose(&server) else { return };
    let id = submit_fake(&server, &dataset_id, "ok", 5).await;
    // It is tried again, more than once and not in a loop.
    let requeued = eventually("the run is requeued twice", PATIENCE, async || {
        let requeued = server.metric(REQUEUED).await.unwrap();
        if requeued >= 2.0 { Ok(requeued) } else { Err(requeued.to_string()) }
    })
    .await;
    assert!(requeued <= 1.0 + started.elapsed().as_secs_f64(), "{requeued} times in {:?}", started.elapsed());
    let waiting = await_run(&server, &id, |run| run["status"] == "queued").await;
    assert_eq!((&waiting["attempts"], &waiting["outcome"]), (&json!(0), &json!(null)), "{waiting}");
    let errors = server.metric(r#"errors_total{error_type="process_not_started",component="training"}"#).await;
    assert!(errors >= Some(2.0), "{errors:?}");
    server.await_log(&["training process not started", &id]).await;
    // It is said where an operator looks, and everything else is served.
    eventually("health says what is wrong", PATIENCE, async || {
        let health = server.json("/health").await;
        let message = health["checks"]["workers"]["message"].as_str().unwrap_or_default().to_owned();
        if message.contains("cannot start a training process") { Ok(()) } else { Err(message) }
    })
    .await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);

    limit.lift();
    let ended = await_end(&server, &id).await;
    assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("completed"), &json!(1)), "{ended}");
    let health = server.await_status("/health", StatusCode::OK).await;
    assert_eq!(health["checks"]["storage"]["status"], "ok", "the store was fine all the time: {health}");
    drop(server);
}

/// The pool of SQLite makes connections as they are needed, and each has a thread.
#[tokio::test]
async fn requests_without_a_thread_are_asked_to_come_back() {
    if skipped_on_postgres("a connection needs no thread") {
        return;
    }
    // More than were ever needed by the time of the limit.
    let server = Server::start_with(&[("DATABASE__MAX_CONNECTIONS", "32")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    // A lock keeps the connections that there are waiting.
    let lock = Lock::take(&server).await;
    let Some(limit) = ProcessLimit::impose(&server) else { return };
    let url = format!("{}/api/v1/datasets/{dataset_id}", server.url);
    for answer in join_all((0..32).map(|_| server.client.delete(&url).send())).await {
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["retry-after"], "5");
        problem(answer, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    }
    // EAGAIN: some had no thread, the others waited for the lock.
    server.await_log(&["request failed", "os error 11"]).await;
    limit.lift();
    lock.release().await;
    eventually("the dataset is deleted", PATIENCE, async || {
        let status = server.client.delete(&url).send().await.unwrap().status();
        if status == StatusCode::NO_CONTENT { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    drop(server);
}

/// A pipe that nobody writes to stands for a file system that does not answer: opening it blocks a thread for ever.
#[tokio::test]
async fn hanging_files_keep_no_run_from_starting() {
    let threads = 8;
    let server = Server::start_with(&[FAKE, ("SERVER__BLOCKING_THREADS", "8")]).await;
    let hanging = upload_shipped(&server, "iris.csv").await;
    let files = server.folder.path().join("files/datasets");
    let file = std::fs::read_dir(files).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let dataset_id = upload_shipped(&server, "penguins.csv").await;
    let before = threads_of(&server);
    // More than there are threads for.
    let downloads: Vec<_> = (0..3 * threads)
        .map(|_| {
            let request = server.client.get(format!("{}/api/v1/datasets/{hanging}/content", server.url));
            tokio::spawn(request.send())
        })
        .collect();
    let blocked = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
        let waits = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("wchan")).ok());
        waits.filter(|wait| wait.contains("fifo") || wait.contains("wait_for_partner")).count()
    };
    // Where the kernel does not say what a thread waits for, that a read of a file is not answered does.
    eventually("all threads hang", PATIENCE, async || {
        let probe = server.client.get(format!("{}/api/v1/datasets/{dataset_id}/content", server.url));
        let is_answered = probe.timeout(Duration::from_millis(500)).send().await.is_ok();
        if blocked() >= threads || !is_answered { Ok(()) } else { Err("files are still read".to_owned()) }
    })
    .await;
    assert!(threads_of(&server) <= before + threads, "{} threads after {before}", threads_of(&server));

    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    await_step(&server, &id).await;
    assert_eq!(run(&server, &id).await["attempts"], 1);
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    assert!(server.metric("process_threads").await > Some(0.0), "the page of metrics needs none of those threads");
    downloads.iter().for_each(tokio::task::JoinHandle::abort);
}

fn threads_of(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count()
}
