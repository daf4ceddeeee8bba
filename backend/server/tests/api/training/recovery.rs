//! Runs that outlive their worker, their server and their neighbours.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::api::support::jobs::{AT_ONCE, await_runs};
use crate::api::support::lock::Lock;
use crate::api::support::runs::{
    FAKE, await_end, await_gone, await_run, await_step, children, events, run, submit_fake, upload_shipped,
};
use crate::api::support::server::Server;

#[tokio::test]
async fn a_killed_servers_run_completes_after_the_restart() {
    let mut server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 60).await;
    await_run(&server, &id, |run| run["progress"]["iteration"].as_i64() >= Some(5)).await;
    let processes = children(server.pid());
    assert_eq!(processes.len(), 1);
    server.kill();
    await_gone(&processes).await;

    let restarted = Instant::now();
    server.start_again(&[]);
    let ended = await_end(&server, &id).await;
    // Long before the lease of 30 s is over: the dead process's lock was free.
    assert!(restarted.elapsed() < Duration::from_secs(20), "{:?}", restarted.elapsed());
    assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("completed"), &json!(2)), "{ended}");
    assert_eq!(ended["progress"]["iteration"], 60);
    assert_eq!(server.metric(r#"belfry_training_runs_total{algorithm="other",outcome="completed"}"#).await, Some(1.0));
    server.await_metric(r#"belfry_runs{status="completed"}"#, 1.0).await;
    let left = std::fs::read_dir(server.folder.path().join("work"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 1, "the dead process's folder is still there");
}

#[tokio::test]
async fn a_run_whose_every_worker_died_is_interrupted() {
    let mut server = Server::start_with(&[FAKE, ("TRAINING__MAX_ATTEMPTS", "2")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    for attempt in 1..=2 {
        await_run(&server, &id, |run| run["attempts"] == attempt && run["progress"]["iteration"].is_i64()).await;
        server.kill_and_restart();
    }
    let ended = await_end(&server, &id).await;
    assert_eq!((&ended["status"], &ended["outcome"]), (&json!("failed"), &json!("interrupted")), "{ended}");
    assert_eq!(ended["attempts"], 2);
    server.await_metric(r#"belfry_training_runs_total{algorithm="other",outcome="interrupted"}"#, 1.0).await;
    server.await_metric(r#"belfry_queue_depth{status="running"}"#, 0.0).await;
}

#[tokio::test]
async fn a_run_that_was_to_be_cancelled_is_not_begun_again() {
    let mut server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    // Hears nothing for two seconds, in which the server dies.
    let id = submit_fake(&server, &dataset_id, "hang", 100).await;
    await_run(&server, &id, |run| run["progress"]["iteration"] == 2).await;
    server.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await;
    server.kill_and_restart();
    let ended = await_end(&server, &id).await;
    assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("cancelled"), &json!(1)), "{ended}");
}

#[tokio::test]
async fn a_run_that_ends_within_the_grace_is_completed() {
    let mut server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 60).await;
    await_step(&server, &id).await;
    assert_eq!(server.stop().await, Some(0));
    server.start_again(&[("TRAINING__WORKERS", "0")]);
    let ended = run(&server, &id).await;
    assert_eq!((&ended["status"], &ended["attempts"]), (&json!("completed"), &json!(1)), "{ended}");
    assert_eq!(ended["progress"]["iteration"], 60, "{ended}");
    let model = server.get(&format!("/api/v1/runs/{id}/model")).await;
    assert_eq!(model.status(), reqwest::StatusCode::OK);
}

#[tokio::test]
async fn a_run_that_outlasts_the_grace_is_queued_at_no_cost() {
    // One that hears that it is to stop, and one that has to be killed.
    for (behaviour, step) in [("slow", 1), ("hang", 2)] {
        let mut server = Server::start_with(&[FAKE, ("SERVER__SHUTDOWN_GRACE", "4s")]).await;
        let dataset_id = upload_shipped(&server, "iris.csv").await;
        let id = submit_fake(&server, &dataset_id, behaviour, 1_000_000).await;
        await_run(&server, &id, |run| run["progress"]["iteration"].as_i64() >= Some(step)).await;
        let processes = children(server.pid());
        let stopping = Instant::now();
        assert_eq!(server.stop().await, Some(0));
        let took = stopping.elapsed();
        assert!(took < Duration::from_secs(4), "{behaviour}: it took {took:?}");
        assert!(took > Duration::from_secs(1), "{behaviour}: given up after {took:?}, with most of the grace left");
        await_gone(&processes).await;

        server.start_again(&[("TRAINING__WORKERS", "0")]);
        let handed_back = run(&server, &id).await;
        let found = (&handed_back["status"], &handed_back["attempts"]);
        assert_eq!(found, (&json!("queued"), &json!(0)), "{behaviour}: {handed_back}");
        assert_eq!(server.metric("belfry_training_workers").await, Some(0.0));
        server.stop().await;
        server.start_again(&[("TRAINING__WORKERS", "1")]);
        await_run(&server, &id, |run| run["attempts"] == 1 && run["progress"]["iteration"].is_i64()).await;
    }
}

#[tokio::test]
async fn a_worker_that_slept_through_its_lease_gives_its_run_up() {
    let sleeper = Server::start_with(&[FAKE, ("TRAINING__LEASE", "2s")]).await;
    let dataset_id = upload_shipped(&sleeper, "iris.csv").await;
    let id = submit_fake(&sleeper, &dataset_id, "hang", 100).await;
    await_run(&sleeper, &id, |run| run["progress"]["iteration"] == 2).await;
    let processes = children(sleeper.pid());
    let other = sleeper.beside();
    assert_eq!(run(&other, &id).await["attempts"], 1, "a living server was taken for a dead one");

    for job_name in AT_ONCE {
        await_runs(&other, job_name, 1).await;
    }
    // With the lock in its own hand the sleeper would keep everyone from the embedded database.
    let lock = Lock::take(&other).await;
    kill(sleeper.pid(), Signal::STOP);
    lock.release().await;
    await_run(&other, &id, |run| run["attempts"] == 2 && run["progress"]["iteration"] == 2).await;
    kill(sleeper.pid(), Signal::CONT);
    await_gone(&processes).await;
    assert_eq!(children(other.pid()).len(), 1, "the new owner's child is gone, too");

    sleeper.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await;
    assert_eq!(await_end(&other, &id).await["attempts"], 2);
    let cancelled = r#"belfry_training_runs_total{algorithm="other",outcome="cancelled"}"#;
    other.await_metric(cancelled, 1.0).await;
    assert_eq!(sleeper.metric(cancelled).await, Some(0.0));
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_killed_servers_run_goes_to_its_neighbour() {
    let mut first = Server::start_with(&[FAKE, ("TRAINING__LEASE", "2s")]).await;
    let dataset_id = upload_shipped(&first, "iris.csv").await;
    let id = submit_fake(&first, &dataset_id, "slow", 60).await;
    await_step(&first, &id).await;
    let second = first.beside();
    let (seen, ()) = tokio::join!(events(&second, &id, None), async {
        await_run(&second, &id, |run| run["progress"]["iteration"].as_i64() >= Some(5)).await;
        first.kill();
    });
    let ended = &seen.last().unwrap().2;
    assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("completed"), &json!(2)), "{ended}");
    // Who listens hears the first attempt as far as it came, then all of the second.
    let steps: Vec<i64> = seen.iter().filter_map(|event| event.1.parse().ok()).collect();
    let second_attempt = steps.len() - 60;
    assert!(second_attempt >= 5, "{steps:?}");
    assert_eq!(steps[..second_attempt], (1..=second_attempt as i64).collect::<Vec<_>>());
    assert_eq!(steps[second_attempt..], (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_child_stopped_from_outside_costs_an_attempt_and_no_run() {
    let server = Server::start_with(&[FAKE, ("TRAINING__MAX_ATTEMPTS", "2")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    for attempt in 1..=2 {
        await_run(&server, &id, |run| run["attempts"] == attempt && run["progress"]["iteration"].is_i64()).await;
        for child in children(server.pid()) {
            kill(child, Signal::TERM);
        }
    }
    let ended = await_end(&server, &id).await;
    assert_eq!((&ended["status"], &ended["outcome"]), (&json!("failed"), &json!("interrupted")), "{ended}");
    server.await_metric(r#"belfry_training_runs_total{algorithm="other",outcome="interrupted"}"#, 1.0).await;
}

#[tokio::test]
async fn two_servers_share_one_queue() {
    let first = Server::start_with(&[FAKE]).await;
    let second = first.beside();
    let dataset_id = upload_shipped(&first, "iris.csv").await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(submit_fake(&first, &dataset_id, "slow", 40).await);
    }
    // Seen by both, whichever trains it.
    for id in &ids {
        let ended = await_end(&second, id).await;
        assert_eq!((&ended["outcome"], &ended["attempts"]), (&json!("completed"), &json!(1)), "{ended}");
    }
    let completed = r#"belfry_training_runs_total{algorithm="other",outcome="completed"}"#;
    let (here, there) = (first.metric(completed).await.unwrap(), second.metric(completed).await.unwrap());
    assert_eq!(here + there, 6.0);
    assert!(here >= 1.0 && there >= 1.0, "{here} and {there}: one of them trained nothing");
    for server in [&first, &second] {
        server.await_metric(r#"belfry_queue_depth{status="queued"}"#, 0.0).await;
        server.await_metric(r#"belfry_queue_depth{status="running"}"#, 0.0).await;
    }
}

#[tokio::test]
async fn a_lease_made_endless_by_the_clock_is_not_waited_for() {
    let server = Server::start_with(&[FAKE, ("TRAINING__LEASE", "2s"), ("TRAINING__WORKERS", "0")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1).await;
    let database = server.database().await;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    // As a server elsewhere left it that died before the clock was put back by an hour.
    let claim = "UPDATE runs SET status = 'running', attempts = 1, worker_id = 'elsewhere:1', lease_until = $1";
    sqlx::query(claim).bind(now + 3_600_000_000).execute(&database).await.unwrap();
    await_run(&server, &id, |run| run["status"] == "queued").await;

    // One that is a little ahead may be that of a server with a longer lease, and is.
    sqlx::query(claim).bind(now + 15_000_000).execute(&database).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(run(&server, &id).await["status"], "running");
}
