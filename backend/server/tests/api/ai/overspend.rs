//! A hard budget under attack: many calls at once through two servers, and a server that is killed between a call and its end.

use std::sync::Arc;
use std::time::Duration;

use belfry_test_support::eventually;
use futures::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::{TABLE, World, describe};
use crate::api::support::runs::upload;
use crate::api::support::server::{PATIENCE, Place, Server, answered, problem};

/// A million tokens cost a dollar when they are written, and so little when they are read that no prompt here costs a tenth of it.
const PRICES: &str = r#"
[[model]]
id = "test/model"
names = ["test-model*"]
source = "a test"
[[model.prices]]
from = "2000-01-01"
input = "0.001"
output = "1"
"#;

const DOLLAR: i64 = 1_000_000_000_000;

/// Where a server has these prices, this budget for a day, and answers of at most 1000 tokens, so that a call may cost $0.001.
async fn place(world: &World, budget: &str, others: &[(&str, &str)]) -> Place {
    let hard =
        [("AI__BUDGET_MODE", "hard"), ("AI__BUDGET_DAILY", budget), ("AI__MAX_TOKENS", "1000"), ("AI__RETRIES", "0")];
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let prices = folder.path().join("prices.toml");
    std::fs::write(&prices, PRICES).unwrap();
    let prices = prices.display().to_string();
    let others: Vec<(&str, &str)> =
        hard.iter().chain(others).copied().chain([("AI__PRICES_FILE", prices.as_str())]).collect();
    Place::within(folder, &world.settings(&others)).await
}

/// Outcome, worst case, cost and what is counted of each call; the outcome of one in flight is empty.
async fn rows(server: &Server) -> Vec<(String, i64, Option<i64>, i64)> {
    let sql = "SELECT COALESCE(outcome, ''), worst_case_pico, cost_pico, counted_pico FROM ai_usage ORDER BY id";
    sqlx::query_as(sql).fetch_all(&server.database().await).await.unwrap()
}

async fn refused(response: Response) -> Value {
    let retry_after = response.headers().get("retry-after").cloned();
    let problem = problem(response, StatusCode::TOO_MANY_REQUESTS, "ai_budget_exhausted").await;
    assert!(retry_after.is_some_and(|seconds| seconds.to_str().unwrap().parse::<u64>().unwrap() >= 1), "{problem}");
    assert_eq!(problem["budget"], "daily");
    problem
}

/// Asks for the text about a dataset as a patient client does: again, in the time that is said, when the server could not wait any
/// longer for its database and has made no call. The answer may take longer than all that the test waits for meanwhile, so that
/// what does not come is what the test ends with.
async fn describe_patiently(server: &Server, id: &str) -> Response {
    let path = format!("{}/api/v1/datasets/{id}/describe", server.url);
    loop {
        let response = answered(server.client.post(&path).json(&json!({})).timeout(PATIENCE * 4)).await;
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            return response;
        }
        let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        let problem = problem(response, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
        println!("asked again: {problem}");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_at_two_servers_overspend_by_nothing() {
    const CALLS: usize = 200;
    let world = World::new().await;
    let limits = [
        ("AI__CONCURRENCY", "1000"),
        ("AI__WAIT", "5m"),
        ("AI__TIMEOUT", "5m"),
        ("SERVER__MAX_CONNECTIONS_PER_ADDRESS", "1000"),
        ("SERVER__MAX_CONNECTIONS", "1000"),
        // On a busy machine this test itself may take longer from a connection to its request than a client may by default.
        ("SERVER__HEADER_TIMEOUT", "5m"),
    ];
    // As much as 47 to 49 calls may cost, by the length of their prompts.
    let first = Server::start_at(place(&world, "0.05", &limits).await);
    let second = first.beside();
    let mut ids = Vec::new();
    for _ in 0..CALLS {
        ids.push(upload(&first, TABLE).await);
    }
    world.provider.hold();
    let servers = [&first, &second];
    let calls = ids.iter().enumerate().map(|(number, id)| describe_patiently(servers[number % 2], id));
    let ended = join_all(calls);
    let during = async {
        // Every call that is made is held, and all others are refused: what is in flight is all that fits.
        eventually("all calls are made or refused", PATIENCE * 2, async || {
            let refused = |server: &Server| {
                let lines = server.log.lock().unwrap();
                lines.iter().filter(|line| line.contains("AI budget exceeded")).count()
            };
            let (made, refused) = (world.provider.asked().len(), refused(&first) + refused(&second));
            if made + refused == CALLS { Ok(()) } else { Err(format!("{made} made, {refused} refused")) }
        })
        .await;
        let rows = rows(&first).await;
        let made = world.provider.asked().len();
        assert!(rows.len() == made && rows.iter().all(|(outcome, ..)| outcome.is_empty()), "{made}: {rows:?}");
        let reserved: i64 = rows.iter().map(|(.., counted)| counted).sum();
        let dearest = rows.iter().map(|(_, worst_case, ..)| *worst_case).max().unwrap();
        assert!(reserved <= DOLLAR / 20, "{reserved} of the budget's {}", DOLLAR / 20);
        assert!(reserved + dearest > DOLLAR / 20, "there was room for one more: {reserved} and {dearest}");
        world.provider.release();
        made
    };
    let (responses, made) = tokio::join!(ended, during);
    let mut written = 0;
    for response in responses {
        if response.status() == StatusCode::OK {
            written += 1;
        } else {
            assert_eq!(refused(response).await["opens_at"], Value::Null, "calls in flight were in the way");
        }
    }
    assert_eq!(written, made);
    let rows = rows(&second).await;
    assert!(rows.iter().all(|(outcome, worst_case, cost, counted)| {
        outcome == "ok" && cost.is_some_and(|cost| cost > 0 && cost <= *worst_case && cost == *counted)
    }));
    // The rows, the API, and what the two servers have counted are one number.
    let cost: i64 = rows.iter().filter_map(|(_, _, cost, _)| *cost).sum();
    let usage = first.json("/api/v1/ai/usage?group_by=model").await;
    assert_eq!(usage["totals"]["cost"]["pico_dollars"], cost.to_string());
    assert_eq!(usage["totals"]["calls"], made);
    assert_eq!(usage["budget"]["periods"][0]["spent"]["pico_dollars"], cost.to_string());
    let counter = r#"belfry_ai_cost_dollars_total{operation="describe_dataset",model="test-model"}"#;
    let counted = first.metric(counter).await.unwrap() + second.metric(counter).await.unwrap();
    assert!((counted - cost as f64 / DOLLAR as f64).abs() < 1e-15, "{counted} and {cost}");
}

#[tokio::test]
async fn a_server_killed_in_a_call_frees_no_budget() {
    let world = World::new().await;
    let mut server =
        Server::start_at(place(&world, "0.0015", &[("AI__TIMEOUT", "5s"), ("AI__RESERVATION_TTL", "6s")]).await);
    let ids = [upload(&server, TABLE).await, upload(&server, TABLE).await];
    world.provider.hold();
    let path = format!("{}/api/v1/datasets/{}/describe", server.url, ids[0]);
    let call = tokio::spawn(server.client.post(path).json(&json!({})).send());
    world.provider.await_asked(1).await;
    server.kill();
    assert!(call.await.unwrap().is_err(), "the connection broke");
    world.provider.release();
    server.start_again(&[]);
    refused(describe(&server, &ids[1]).await).await;
    eventually("the reservation expires", PATIENCE, async || {
        server.post("/jobs/ai_reservation_expiry/run", &json!({})).await;
        let found = rows(&server).await;
        if found.iter().all(|(outcome, ..)| outcome == "unknown") { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    let [(_, worst_case, cost, counted)] = rows(&server).await[..] else { panic!("one call was made") };
    assert_eq!((cost, counted), (None, worst_case));
    let problem = refused(describe(&server, &ids[1]).await).await;
    assert!(problem["opens_at"].is_string(), "{problem}");
    assert_eq!(world.provider.asked().len(), 1);
    let totals = &server.json("/api/v1/ai/usage").await["totals"];
    let expected = json!([1, 1, "0", worst_case.to_string()]);
    let found = json!([
        totals["calls"],
        totals["unknown_cost_calls"],
        totals["cost"]["pico_dollars"],
        totals["counted"]["pico_dollars"]
    ]);
    assert_eq!(found, expected);
}
