//! Alerts: raised and resolved by the job that checks disk and memory.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::jobs::await_runs;
use crate::api::support::server::{Server, problem};
use crate::api::support::skipping::on_postgres;

async fn alerts(server: &Server, query: &str) -> Vec<Value> {
    server.json(&format!("/api/v1/alerts{query}")).await["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_passed_threshold_raises_one_alert_and_a_kept_one_ends_it() {
    // Some of every disk and some of every memory is in use.
    let mut server = Server::start_with(&[("ALERTS__THRESHOLD_DISK", "1"), ("ALERTS__THRESHOLD_MEMORY", "1")]).await;
    await_runs(&server, "resource_check", 1).await;
    server.post("/jobs/resource_check/run", &json!({})).await;
    await_runs(&server, "resource_check", 2).await;
    let open = alerts(&server, "?state=open").await;
    let mut names: Vec<_> = open.iter().map(|alert| alert["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["DiskAlmostFull", "MemoryAlmostFull"], "raised twice is open once");
    for alert in &open {
        assert_eq!(alert["state"], "open", "{alert}");
        assert!(alert["source"].as_str().unwrap().starts_with("resource_check@"), "{alert}");
        assert!(["warning", "critical"].contains(&alert["severity"].as_str().unwrap()), "{alert}");
        assert!(alert["description"].as_str().unwrap().contains("% of"), "{alert}");
        assert_eq!(alert["resolved_at"], Value::Null);
    }
    let raised = |severity| format!(r#"belfry_alerts_total{{change="raised",severity="{severity}"}}"#);
    let count = server.metric(&raised("warning")).await.unwrap() + server.metric(&raised("critical")).await.unwrap();
    assert_eq!(count, 2.0);

    server.kill();
    // The highest there is, which the machine of a test must not reach anyway.
    server.start_again(&[("ALERTS__THRESHOLD_DISK", "98"), ("ALERTS__THRESHOLD_MEMORY", "98")]);
    server.post("/jobs/resource_check/run", &json!({})).await;
    let resolved = r#"belfry_alerts_total{change="resolved",severity="warning"}"#;
    server.await_metric(resolved, 2.0).await;
    assert_eq!(alerts(&server, "?state=open").await, Vec::<Value>::new());
    let history = alerts(&server, "").await;
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|alert| alert["resolved_at"].as_str() >= alert["raised_at"].as_str()), "{history:?}");

    let first = server.json("/api/v1/alerts?limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.json(&format!("/api/v1/alerts?limit=1&cursor={cursor}&state=resolved")).await;
    assert_eq!([&first["items"][0], &second["items"][0]], [&history[0], &history[1]]);
    assert_eq!(second["next_cursor"], Value::Null);
    for (query, code) in [("limit=0", "invalid_limit"), ("cursor=x", "invalid_cursor"), ("state=odd", "invalid_query")]
    {
        let answer = server.get(&format!("/api/v1/alerts?{query}")).await;
        problem(answer, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test]
async fn no_server_changes_or_resolves_the_alert_of_another() {
    let of_disk = async |server: &Server, query: &str| {
        let all = alerts(server, query).await.into_iter();
        all.filter(|alert| alert["name"] == "DiskAlmostFull").collect::<Vec<_>>()
    };
    let first = Server::start_with(&[("ALERTS__THRESHOLD_DISK", "1")]).await;
    await_runs(&first, "resource_check", 1).await;
    // On the same database, with a data folder of its own.
    let mut place = first.place();
    place.folder = Arc::new(tempfile::tempdir().unwrap());
    if !on_postgres() {
        let file = first.folder.path().join("belfry.db");
        std::os::unix::fs::symlink(file, place.folder.path().join("belfry.db")).unwrap();
    }
    let mut second = Server::start_at(place);
    // Each checks its own machine: the one did not run it for the other.
    second.await_metric(r#"scheduler_jobs_total{job_name="resource_check",status="success"}"#, 1.0).await;
    first.post("/jobs/resource_check/run", &json!({})).await;
    first.await_metric(r#"scheduler_jobs_total{job_name="resource_check",status="success"}"#, 2.0).await;
    let open = of_disk(&second, "?state=open").await;
    let mut sources: Vec<_> = open.iter().map(|alert| alert["source"].as_str().unwrap()).collect();
    let id = std::fs::read_to_string(first.folder.path().join("folder-id")).unwrap();
    assert!(sources.contains(&format!("resource_check@{id}").as_str()), "{open:?}");
    sources.dedup();
    assert_eq!(sources.len(), 2, "{open:?}");
    assert_eq!(of_disk(&second, "").await.len(), 2, "none was closed and opened again");

    second.kill();
    second.start_again(&[("ALERTS__THRESHOLD_DISK", "98")]);
    second.post("/jobs/resource_check/run", &json!({})).await;
    second.await_metric(r#"belfry_alerts_total{change="resolved",severity="warning"}"#, 1.0).await;
    let open = of_disk(&first, "?state=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0]["source"], format!("resource_check@{id}"));
}
