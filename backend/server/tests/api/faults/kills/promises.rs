//! The promises, each held against what is there. What is broken is said with its id.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use reqwest::StatusCode;
use sqlx::AnyPool;

use super::count;
use super::load::{Kept, Ledger};
use crate::api::support::server::Server;
use crate::api::support::uploads::sha256;

/// Uploads that are read back at the same time.
const CONCURRENT_CHECKS: usize = 8;

/// Every acknowledged upload is there with its bytes, unless it expired or was deleted.
pub async fn check_uploads(server: &Server, ledger: &Ledger, broken: &mut Vec<String>) {
    let checks = ledger
        .uploads
        .iter()
        .map(|(id, kept)| async move { upload_fault(server, id, kept, ledger.deleted.get(id)).await });
    let faults: Vec<Option<String>> = stream::iter(checks).buffer_unordered(CONCURRENT_CHECKS).collect().await;
    broken.extend(faults.into_iter().flatten());
    let mut listed = 0;
    let mut cursor = String::new();
    loop {
        let page = server.json(&format!("/api/v1/datasets?limit=100{cursor}")).await;
        listed += page["items"].as_array().unwrap().len();
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    if listed > ledger.uploads_tried {
        broken.push(format!("{listed} datasets came of {} uploads", ledger.uploads_tried));
    }
}

/// What is wrong with an acknowledged upload, if anything is.
async fn upload_fault(server: &Server, id: &str, kept: &Kept, deleted: Option<&bool>) -> Option<String> {
    let answer = server.get(&format!("/api/v1/datasets/{id}/content")).await;
    let status = answer.status();
    let found = sha256(&answer.bytes().await.unwrap());
    match (kept.expires, deleted) {
        (true, _) | (_, Some(true)) if status != StatusCode::NOT_FOUND => {
            Some(format!("the expired or deleted dataset {id} answers {status}"))
        }
        (true, _) | (_, Some(true)) => None,
        // It was asked to go and nobody said that it did: both are right, half is not.
        (false, Some(false)) if status == StatusCode::NOT_FOUND => None,
        _ if status != StatusCode::OK => Some(format!("the acknowledged upload {id} answers {status}")),
        _ if found != kept.sha256 => {
            Some(format!("the acknowledged upload {id} has other bytes: {found}, not {}", kept.sha256))
        }
        _ => None,
    }
}

/// Every run has ended and its row agrees with itself; every model is there with its bytes.
pub async fn check_runs(server: &Server, database: &AnyPool, ledger: &Ledger, broken: &mut Vec<String>) {
    type Row = (String, String, Option<String>, Option<i64>, Option<i64>, Option<String>, Option<String>);
    let sql = "SELECT id, status, outcome, finished_at, lease_until, model_sha256, error_code FROM runs";
    let rows: Vec<Row> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    if rows.len() > ledger.runs_tried {
        broken.push(format!("{} runs came of {} requests", rows.len(), ledger.runs_tried));
    }
    let mut outcomes = BTreeMap::<String, usize>::new();
    for (id, status, outcome, finished_at, lease_until, model, error_code) in rows {
        let ended = error_code.clone().or(outcome.clone()).unwrap_or_default();
        // A dataset stays for as long as a queued or running run needs it.
        if ["dataset_gone", "storage_unavailable", "folder_unavailable", "internal"].contains(&ended.as_str()) {
            broken.push(format!("the run {id} failed with {ended}"));
        }
        *outcomes.entry(ended).or_default() += 1;
        let agrees = match status.as_str() {
            "completed" => outcome.as_deref() == Some("completed") && model.is_some(),
            "cancelled" => outcome.as_deref() == Some("cancelled") && model.is_none(),
            "failed" => outcome.is_some() && model.is_none(),
            _ => false,
        };
        if !agrees || finished_at.is_none() || lease_until.is_some() {
            broken.push(format!("the run {id} is {status}, {outcome:?}, {finished_at:?}, {lease_until:?}, {model:?}"));
        }
        if let Some(expected) = model {
            let answer = server.get(&format!("/api/v1/runs/{id}/model")).await;
            let status = answer.status();
            let found = sha256(&answer.bytes().await.unwrap());
            if found != expected {
                broken.push(format!("the model of run {id} answers {status} and has other bytes: {found}"));
            }
        }
    }
    println!("runs ended as {outcomes:?}");
    if !outcomes.contains_key("completed") {
        broken.push("no run was completed at all".to_owned());
    }
}

/// What is shown agrees with what is there.
pub async fn check_gauges(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let datasets = count(database, "SELECT COUNT(*) FROM datasets").await;
    let bytes = count(database, "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM datasets").await;
    server.await_metric("belfry_datasets", datasets as f64).await;
    server.await_metric("belfry_dataset_bytes", bytes as f64).await;
    server.await_metric(r#"belfry_queue_depth{status="queued"}"#, 0.0).await;
    server.await_metric(r#"belfry_queue_depth{status="running"}"#, 0.0).await;
    server.await_metric("belfry_training_in_progress", 0.0).await;
    for job in ["ttl_cleanup", "orphan_sweep", "run_reaper"] {
        let failed = format!("SELECT error_message FROM job_runs WHERE job_name = '{job}' AND status = 'failed'");
        let why: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(failed)).fetch_all(database).await.unwrap();
        if !why.is_empty() {
            broken.push(format!("{job} failed although nothing failed: {why:?}"));
        }
    }
}
