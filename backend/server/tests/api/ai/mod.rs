//! Texts of a model, with a server that speaks OpenAI's chat completions: what it is asked, what is kept and shown of its answers,
//! what goes wrong, and that the ledger, the counters and the API agree about it.

mod failures;
mod overspend;
mod prompts;
mod secrets;
mod shared;
mod texts;

use belfry_test_support::ai_provider::{AiProvider, KEY, MODEL};
use belfry_test_support::eventually;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::api::support::runs::{await_end, submit, upload};
use crate::api::support::server::{PATIENCE, Server};

/// A provider, and the settings by which a server uses it.
struct World {
    provider: AiProvider,
    url: String,
}

impl World {
    async fn new() -> Self {
        let (provider, url) = AiProvider::start().await;
        Self { provider, url }
    }

    /// The settings of a server that asks the provider, and these.
    fn settings<'s>(&'s self, others: &[(&'s str, &'s str)]) -> Vec<(&'s str, &'s str)> {
        let mut settings = vec![
            ("AI__ENABLED", "true"),
            ("AI__BASE_URL", self.url.as_str()),
            ("AI__API_KEY", KEY),
            ("AI__MODEL", MODEL),
        ];
        settings.extend(others);
        settings
    }

    async fn start(&self, others: &[(&str, &str)]) -> Server {
        Server::start_with(&self.settings(others)).await
    }
}

/// A table that every algorithm can learn from.
const TABLE: &str = "length,colour,kind\n1,red,a\n2,red,a\n3,blue,b\n4,blue,b\n1.5,red,a\n3.5,blue,b\n2.5,red,a\n4.5,blue,b\n\
                     1,red,a\n2,red,a\n3,blue,b\n4,blue,b\n1.5,red,a\n3.5,blue,b\n2.5,red,a\n4.5,blue,b\n";

/// Asks for the text about a dataset.
async fn describe(server: &Server, id: &str) -> Response {
    server.post(&format!("/api/v1/datasets/{id}/describe"), &json!({})).await
}

/// Asks for the text about a run.
async fn explain(server: &Server, id: &str) -> Response {
    server.post(&format!("/api/v1/runs/{id}/explain"), &json!({})).await
}

/// The text, which must be given.
async fn text_of(response: Response) -> Value {
    let status = response.status();
    let body = response.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Trains a model on a table and returns the run's id.
async fn trained(server: &Server, csv: &str, target: &str) -> String {
    let dataset_id = upload(server, csv).await;
    let run = json!({"dataset_id": dataset_id, "target": target, "algorithm": "random_forest"});
    let id = submit(server, run).await;
    let run = await_end(server, &id).await;
    assert_eq!(run["outcome"], "completed", "{run}");
    id
}

/// The counter of calls with this outcome.
fn calls(operation: &str, status: &str) -> String {
    format!(r#"belfry_ai_requests_total{{operation="{operation}",model="{MODEL}",status="{status}"}}"#)
}

/// Waits until the calls that were made, by operation and outcome in order, are what the ledger has, and then compares the counters.
async fn assert_calls(server: &Server, operation: &str, outcomes: &[&str]) {
    for outcome in outcomes {
        let count = outcomes.iter().filter(|other| *other == outcome).count();
        server.await_metric(&calls(operation, outcome), count as f64).await;
    }
    let page = server.get("/metrics").await.text().await.unwrap();
    let of_operation = |line: &&str| line.contains(&format!("operation=\"{operation}\""));
    let counted: f64 = page
        .lines()
        .filter(|line| line.starts_with("belfry_ai_requests_total"))
        .filter(of_operation)
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert_eq!(counted, outcomes.len() as f64, "calls with other outcomes than {outcomes:?}");
    let timed = format!(r#"belfry_ai_request_duration_seconds_count{{operation="{operation}",model="{MODEL}"}}"#);
    assert_eq!(server.metric(&timed).await, Some(outcomes.len() as f64));
    eventually("the ledger has each call", PATIENCE, async || {
        let rows = ledger(server, operation).await;
        if rows == outcomes { Ok(()) } else { Err(format!("{rows:?}, expected {outcomes:?}")) }
    })
    .await;
}

/// The outcomes in the ledger, in the order of the calls.
async fn ledger(server: &Server, operation: &str) -> Vec<String> {
    let sql = "SELECT COALESCE(outcome, 'in flight') FROM ai_usage WHERE operation = $1 ORDER BY created_at, id";
    let query = sqlx::query_scalar(sql).bind(operation.to_owned());
    query.fetch_all(&server.database().await).await.unwrap()
}
