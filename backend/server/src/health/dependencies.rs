//! The checks that ask other services: the AI provider, Telegram, Loki and Prometheus.
//!
//! Their sentences are made here from statuses; nothing that a service or the HTTP client says is passed on.

use belfry_telemetry::client_call::Failure;
use belfry_telemetry::health::Outcome;
use belfry_telemetry::settings::Secret;
use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use crate::client_call::{ServiceClient, ServiceResponse, below, sentence};

/// A scrape may be this old, in seconds: four of the stack's intervals. As long, a new process may wait for its first.
const FRESH_SECONDS: f64 = 60.0;

/// `GET {base}/models`, which every OpenAI-compatible service answers and nobody is billed for.
pub(super) async fn ai(client: &ServiceClient, base: &Url, key: &Secret) -> Outcome {
    let response = client.get("ai", "/models", &below(base, "models"), Some(key)).await;
    outcome_of_response(
        response,
        "lists its models",
        &[(401, "AI__API_KEY"), (403, "AI__API_KEY"), (404, "AI__BASE_URL")],
    )
}

/// `getMe`, which names the bot that a token belongs to.
pub(super) async fn telegram(client: &ServiceClient, base: &Url, token: &Secret) -> Outcome {
    let url = below(base, &format!("bot{}/getMe", token.expose()));
    let response = client.get("telegram", "getMe", &url, None).await;
    outcome_of_response(response, "knows the bot", &[(401, "TELEGRAM__TOKEN"), (404, "TELEGRAM__TOKEN")])
}

/// Whether Loki takes log lines.
pub(super) async fn loki(client: &ServiceClient, base: &Url) -> Outcome {
    outcome_of_response(client.get("loki", "/ready", &below(base, "ready"), None).await, "is ready", &[])
}

/// When Prometheus last scraped this very process, which is known by its start time.
pub(super) async fn prometheus(client: &ServiceClient, base: &Url, job: &str, started: f64, now: f64) -> Outcome {
    let mut url: Url = below(base, "api/v1/query").parse().map_err(|_| "PROMETHEUS__URL cannot be used".to_owned())?;
    let series = format!("app_start_time_seconds{{job=\"{job}\"}}");
    // `timestamp` gives the time of a sample only for a bare selector, hence the `and`.
    url.query_pairs_mut().append_pair("query", &format!("max(timestamp({series}) and ({series} == {started}))"));
    let response = client.get("prometheus", "/api/v1/query", url.as_str(), None).await;
    let ServiceResponse { status, body, .. } = response.map_err(|failure| sentence(failure).to_owned())?;
    if status != StatusCode::OK {
        return Err(format!("answers {}", status.as_u16()));
    }
    let result: Value = serde_json::from_slice(&body).map_err(|_| "its response is not JSON".to_owned())?;
    scraped(&result, job, now - started)
}

/// The outcome of that query's result for a process that started `age` seconds ago.
fn scraped(result: &Value, job: &str, age: f64) -> Outcome {
    let value = &result["data"]["result"][0]["value"];
    let scraped = value[1].as_str().and_then(|seconds| seconds.parse::<f64>().ok());
    // Both times are by Prometheus's own clock.
    match (value[0].as_f64(), scraped) {
        (Some(now), Some(scraped)) if now - scraped <= FRESH_SECONDS => {
            Ok(format!("scraped this process {:.0} s ago", (now - scraped).max(0.0)))
        }
        (Some(now), Some(scraped)) => Err(format!("last scraped this process {:.0} s ago", now - scraped)),
        _ if age <= FRESH_SECONDS => Ok(format!("not scraped yet; process started {:.0} s ago", age.max(0.0))),
        _ => Err(format!("does not scrape this process under job=\"{job}\"")),
    }
}

/// `suspects`: which setting is most likely wrong when its response is an error status.
fn outcome_of_response(response: Result<ServiceResponse, Failure>, success: &str, suspects: &[(u16, &str)]) -> Outcome {
    let status = response.map_err(|failure| sentence(failure).to_owned())?.status;
    if status.is_success() {
        return Ok(success.to_owned());
    }
    let suspect = suspects.iter().find(|(suspicious, _)| status == *suspicious);
    let hint = suspect.map(|(_, setting)| format!(": look at {setting}")).unwrap_or_default();
    Err(format!("answers {}{hint}", status.as_u16()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scraped_at(sample: Option<&str>, age: f64) -> Outcome {
        let vector: Vec<Value> = sample.iter().map(|at| json!({"metric": {}, "value": [1_000.5, at]})).collect();
        scraped(&json!({"status": "success", "data": {"resultType": "vector", "result": vector}}), "backend", age)
    }

    #[test]
    fn a_scrape_is_fresh_for_a_minute() {
        assert_eq!(scraped_at(Some("990.5"), 500.0), Ok("scraped this process 10 s ago".to_owned()));
        assert_eq!(scraped_at(Some("940.5"), 500.0), Ok("scraped this process 60 s ago".to_owned()));
        assert_eq!(scraped_at(Some("925.5"), 500.0), Err("last scraped this process 75 s ago".to_owned()));
    }

    #[test]
    fn a_new_process_may_wait_a_minute_for_its_first_scrape() {
        let waits = Ok("not scraped yet; process started 59 s ago".to_owned());
        assert_eq!(scraped_at(None, 59.0), waits);
        assert_eq!(scraped_at(None, 61.0), Err("does not scrape this process under job=\"backend\"".to_owned()));
    }
}
