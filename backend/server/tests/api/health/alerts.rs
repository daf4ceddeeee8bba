//! Alerts: raised and resolved by the job that checks disk and memory.

use std::sync::Arc;

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::jobs::await_runs;
use crate::api::support::server::{PATIENCE, Server, problem};
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

#[tokio::test]
async fn a_job_that_keeps_failing_is_an_alert_until_it_succeeds() {
    let server = Server::start_with(&[("ALERTS__JOB_FAILURES", "2"), ("JOBS__RETRIES", "0")]).await;
    let runs = await_runs(&server, "backup_retention", 1).await.len();
    let (folder, run) = (server.folder.path().join("backups"), "/jobs/backup_retention/run");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, "no folder").unwrap();
    for failed in 1..=2 {
        assert_eq!(alerts(&server, "?state=open").await, Vec::<Value>::new());
        server.post(run, &json!({})).await;
        await_runs(&server, "backup_retention", runs + failed).await;
    }
    let open = eventually("the alert is open", PATIENCE, async || {
        let open = alerts(&server, "?state=open&severity=error&source=backup_retention").await;
        if open.len() == 1 { Ok(open[0].clone()) } else { Err(format!("{open:?}")) }
    })
    .await;
    assert_eq!(open["name"], "JobFailing", "{open}");
    assert!(open["description"].as_str().unwrap().contains("has failed 2 times in a row"), "{open}");
    std::fs::remove_file(&folder).unwrap();
    server.post(run, &json!({})).await;
    eventually("the alert is resolved", PATIENCE, async || {
        let resolved = alerts(&server, "?state=resolved").await;
        if resolved.len() == 1 { Ok(()) } else { Err(format!("{resolved:?}")) }
    })
    .await;
    // Nobody is to be notified as the settings are.
    server.await_metric(r#"belfry_alert_messages_total{outcome="off"}"#, 2.0).await;
}

#[tokio::test]
async fn a_database_that_failed_is_an_alert_once_it_answers() {
    if on_postgres() {
        return;
    }
    let server = Server::start().await;
    let (here, elsewhere) = (server.folder.path().join("belfry.db"), server.folder.path().join("elsewhere"));
    std::fs::rename(&here, &elsewhere).unwrap();
    let failed = server.get("/api/v1/runs").await.status();
    assert_eq!(failed, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::rename(&elsewhere, &here).unwrap();
    let open = eventually("the alert is on record", PATIENCE, async || {
        let answer = server.get("/api/v1/alerts?state=open&source=requests").await;
        let body: Value = answer.json().await.unwrap();
        let alert = body["items"][0].clone();
        if alert["name"] == "DatabaseErrors" { Ok(alert) } else { Err(body.to_string()) }
    })
    .await;
    assert_eq!(open["severity"], "critical", "{open}");
    assert!(open["description"].as_str().unwrap().contains("/api/v1/runs: database_unavailable"), "{open}");
}
