//! Many clients that follow one run: they cost the database no more than one, their number is bounded, and each gets what it
//! has not received yet, to the end.

use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use futures::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::api::support::runs::{FAKE, await_step, submit_fake, upload_shipped};
use crate::api::support::server::{PATIENCE, Server, problem};

const FOLLOWERS: &str = "belfry_run_followers";
const FOLLOWED: &str = "belfry_runs_followed";

async fn follow(server: &Server, id: &str) -> Response {
    let response = server.get(&format!("/api/v1/runs/{id}/events")).await;
    assert_eq!(response.status(), StatusCode::OK);
    response
}

/// The ids of the steps in a stream that has ended, and its last event.
fn steps_and_end(text: &str) -> (Vec<i64>, String) {
    let steps = text.lines().filter_map(|line| line.strip_prefix("id:")?.trim().parse().ok()).collect();
    let end = text.trim_end().rsplit("\n\n").next().unwrap_or_default().to_owned();
    (steps, end)
}

#[tokio::test]
async fn many_followers_cost_no_more_queries_than_one() {
    const MANY: usize = 200;
    let server = Server::start_with(&[FAKE, ("TRAINING__MAX_FOLLOWERS_PER_RUN", "200")]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    await_step(&server, &id).await;
    let followers = join_all((0..MANY).map(|_| follow(&server, &id))).await;
    assert_eq!(server.metric(FOLLOWERS).await, Some(MANY as f64));
    assert_eq!(server.metric(FOLLOWED).await, Some(1.0));

    let reads = async || server.metric(r#"db_query_duration_seconds_count{query_type="select"}"#).await.unwrap();
    let (before, from) = (reads().await, Instant::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (read, seconds) = (reads().await - before, from.elapsed().as_secs_f64());
    // Alone, each would read several times a second: thousands in all.
    assert!(read < 100.0 * seconds, "{read} reads in {seconds} s");
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);

    server.post(&format!("/api/v1/runs/{id}/cancel"), &Value::Null).await;
    let streams = join_all(followers.into_iter().map(|follower| follower.text())).await;
    let mut ends = Vec::new();
    for stream in streams {
        let (steps, end) = steps_and_end(&stream.unwrap());
        assert_eq!(steps, (1..=steps.len() as i64).collect::<Vec<_>>(), "steps are missing or out of order");
        assert!(end.contains("event: finished") && end.contains(r#""status":"cancelled""#), "{end}");
        ends.push(steps.len());
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "some got more steps than others: {ends:?}");
    server.await_metric(FOLLOWERS, 0.0).await;
    server.await_metric(FOLLOWED, 0.0).await;
}

#[tokio::test]
async fn followers_are_bounded_and_a_silent_stream_is_kept_alive() {
    let limits = [
        ("TRAINING__WORKERS", "0"),
        ("TRAINING__MAX_FOLLOWERS", "3"),
        ("TRAINING__MAX_FOLLOWERS_PER_RUN", "2"),
        ("TRAINING__FOLLOWERS_KEEP_ALIVE", "1s"),
    ];
    let mut server = Server::start_with(&[&[FAKE][..], &limits[..]].concat()).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(submit_fake(&server, &dataset_id, "ok", 1).await);
    }
    let events = |id: &str| format!("/api/v1/runs/{id}/events");
    let refused = async |id: &str, whom: &str| {
        let answer = server.get(&events(id)).await;
        assert!(answer.headers().contains_key("retry-after"));
        let problem = problem(answer, StatusCode::SERVICE_UNAVAILABLE, "busy").await;
        assert!(problem["detail"].as_str().unwrap().ends_with(whom), "{problem}");
    };
    let (mut first, second) = (follow(&server, &ids[0]).await, follow(&server, &ids[0]).await);
    refused(&ids[0], "follow this run").await;
    let other = follow(&server, &ids[1]).await;
    refused(&ids[2], "follow runs").await;
    assert_eq!((server.metric(FOLLOWERS).await, server.metric(FOLLOWED).await), (Some(3.0), Some(2.0)));

    // Nothing happens to a queued run, so the first bytes are a comment.
    let comment = tokio::time::timeout(PATIENCE, first.chunk()).await.unwrap().unwrap().unwrap();
    assert!(comment.starts_with(b":"), "{comment:?}");
    drop((second, other));
    server.await_metric(FOLLOWED, 1.0).await;
    let again = eventually("there is room again", PATIENCE, async || {
        let answer = server.get(&events(&ids[0])).await;
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(answer.status().to_string()) }
    })
    .await;
    // A run that is unknown takes no room.
    for _ in 0..4 {
        let unknown = server.get(&events("01890000-0000-7000-8000-000000000000")).await;
        problem(unknown, StatusCode::NOT_FOUND, "not_found").await;
    }
    // A shutdown ends the streams, and does not wait for anything else.
    let (stopped, ended) = tokio::join!(server.stop(), again.text());
    assert_eq!(stopped, Some(0));
    assert!(!ended.unwrap().contains("finished"));
}

#[tokio::test]
async fn a_client_that_comes_back_gets_only_what_is_new() {
    let server = Server::start_with(&[FAKE]).await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "slow", 1_000_000).await;
    let step = await_step(&server, &id).await["progress"]["iteration"].as_i64().unwrap();
    let path = format!("{}/api/v1/runs/{id}/events", server.url);
    let back = |last: i64| server.client.get(&path).header("last-event-id", last.to_string()).send();
    let (caught_up, ahead) = (back(step).await.unwrap(), back(1_000_000).await.unwrap());
    server.await_metric(FOLLOWERS, 2.0).await;
    server.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await;
    let (steps, _) = steps_and_end(&caught_up.text().await.unwrap());
    assert_eq!(steps, (step + 1..=step + steps.len() as i64).collect::<Vec<_>>());
    // What it received before cannot be of this attempt.
    let (steps, _) = steps_and_end(&ahead.text().await.unwrap());
    assert_eq!(steps, (1..=steps.len() as i64).collect::<Vec<_>>());
    assert!(steps.len() as i64 >= step);
}
