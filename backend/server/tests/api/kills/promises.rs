//! The promises, each held against what is there. What is broken is said with its id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use sqlx::AnyPool;

use super::count;
use super::load::Ledger;
use crate::server::Server;
use crate::uploads::sha256;

/// Every acknowledged upload is there with its bytes, unless it expired or was deleted.
pub async fn check_uploads(server: &Server, ledger: &Ledger, broken: &mut Vec<String>) {
    for (id, (sha, expires)) in &ledger.uploads {
        let answer = server.get(&format!("/api/v1/datasets/{id}/content")).await;
        let status = answer.status();
        let found = sha256(&answer.bytes().await.unwrap());
        match (*expires, ledger.deleted.get(id)) {
            (true, _) | (_, Some(true)) if status != StatusCode::NOT_FOUND => {
                broken.push(format!("the expired or deleted dataset {id} answers {status}"));
            }
            (true, _) | (_, Some(true)) => {}
            // It was asked to go and nobody said that it did: both are right, half is not.
            (false, Some(false)) if status == StatusCode::NOT_FOUND => {}
            _ if status != StatusCode::OK => broken.push(format!("the acknowledged upload {id} answers {status}")),
            _ if found != *sha => {
                broken.push(format!("the acknowledged upload {id} has other bytes: {found}, not {sha}"))
            }
            _ => {}
        }
    }
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
        if ["dataset_gone", "storage_unavailable", "internal"].contains(&ended.as_str()) {
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

/// Files and rows are the same set, nothing is half-written, and of the dead processes nothing is left.
pub async fn check_files(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let folder = server.folder.path().join("files");
    let tables = [
        ("datasets", "SELECT storage_key FROM datasets"),
        ("models", "SELECT model_key FROM runs WHERE model_key IS NOT NULL"),
        ("probes", "SELECT id FROM runs WHERE 1 = 0"),
    ];
    for (name, keys) in tables {
        let keys: BTreeSet<String> = sqlx::query_scalar(keys).fetch_all(database).await.unwrap().into_iter().collect();
        let entries = std::fs::read_dir(folder.join(name)).into_iter().flatten();
        let mut files: BTreeSet<String> =
            entries.map(|entry| format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap())).collect();
        if name == "probes" {
            // A check may be under way at this moment; what an hour of life leaves is what counts.
            files.retain(|file| {
                std::fs::metadata(folder.join(file))
                    .is_ok_and(|file| file.modified().unwrap().elapsed().unwrap() > Duration::from_secs(5))
            });
        }
        for orphan in files.difference(&keys) {
            broken.push(format!("the file {orphan} has no row"));
        }
        for orphan in keys.difference(&files) {
            broken.push(format!("the row of {orphan} has no file"));
        }
    }
    let work = std::fs::read_dir(server.folder.path().join("work")).unwrap();
    let left = work.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    if left != 1 {
        broken.push(format!("{left} processes have a folder for training, and one lives"));
    }
}

/// What is counted agrees with what is there.
pub async fn check_counters(server: &Server, database: &AnyPool, broken: &mut Vec<String>) {
    let datasets = count(database, "SELECT COUNT(*) FROM datasets").await;
    let bytes = count(database, "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM datasets").await;
    server.await_metric("belfry_datasets", datasets as f64).await;
    server.await_metric("belfry_dataset_bytes", bytes as f64).await;
    server.await_metric(r#"belfry_queue_depth{status="queued"}"#, 0.0).await;
    server.await_metric(r#"belfry_queue_depth{status="running"}"#, 0.0).await;
    server.await_metric("belfry_training_in_progress", 0.0).await;
    for job in ["ttl_cleanup", "orphan_sweep", "run_reaper"] {
        let stats = server.json(&format!("/jobs/stats/{job}")).await;
        let of =
            |status: &str| format!("SELECT COUNT(*) FROM job_runs WHERE job_name = '{job}' AND status = '{status}'");
        let (success, failed) = (count(database, &of("success")).await, count(database, &of("failed")).await);
        // A run may have begun or ended between the two looks.
        let close = |shown: &Value, stored: i64| (shown.as_i64().unwrap() - stored).abs() <= 2;
        if !close(&stats["successful_runs"], success) || !close(&stats["failed_runs"], failed) {
            broken.push(format!("{job}: {success} successes and {failed} failures are stored, {stats} is shown"));
        }
        if failed > 0 {
            let why = format!("SELECT error_message FROM job_runs WHERE job_name = '{job}' AND status = 'failed'");
            let why: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(why)).fetch_all(database).await.unwrap();
            broken.push(format!("{job} failed although nothing failed: {why:?}"));
        }
    }
    let unended =
        "SELECT COUNT(*) FROM job_runs WHERE status <> 'running' AND (finished_at IS NULL OR duration_seconds IS NULL)";
    if count(database, unended).await > 0 {
        broken.push("runs of jobs have ended and do not say when".to_owned());
    }
}
