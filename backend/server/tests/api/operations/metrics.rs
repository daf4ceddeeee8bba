//! The page of metrics of a server that has just started.

use std::process::Command;

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::Value;

use crate::api::support::runs::upload;
use crate::api::support::server::{PATIENCE, Server};

/// Every combination of the values of a row's labels, as the page writes it; empty for a row without labels.
fn label_sets(row: &Value) -> Vec<String> {
    let mut sets = vec![String::new()];
    for label in row["labels"].as_array().unwrap() {
        let name = label["name"].as_str().unwrap();
        let values = label["values"].as_array().unwrap();
        let with = |set: &String, value: &Value| {
            let comma = if set.is_empty() { "" } else { "," };
            format!("{set}{comma}{name}=\"{}\"", value.as_str().unwrap())
        };
        sets = sets.iter().flat_map(|set| values.iter().map(move |value| with(set, value))).collect();
    }
    sets
}

/// Gauges and counters that say what was read, and are not on the page before that: 0 would be a lie. Whole names, or their beginnings.
const READ: [&str; 19] = [
    "app_",
    "belfry_active_users",
    "belfry_ai_budget_dollars",
    "belfry_alert_delivery_last_timestamp_seconds",
    "belfry_backup_size_bytes",
    "belfry_billing_last_event_timestamp_seconds",
    "belfry_cleanup_lag_seconds",
    "belfry_cleanup_last_success_timestamp_seconds",
    "belfry_dataset_bytes",
    "belfry_datasets",
    "belfry_queue_depth",
    "belfry_runs",
    "belfry_subscription_conversions_total",
    "belfry_training_last_score",
    "belfry_users",
    "db_connections_",
    "host_",
    "process_",
    "telemetry_page_",
];

/// What a process has done by the time it is first scraped, and so may be above 0.
const MOVED: [(&str, &str); 13] = [
    ("belfry_cleanup_", "the first cycle runs at the start"),
    ("belfry_training_workers", "the workers are up"),
    ("db_query_duration_seconds", "the schema was brought up to date"),
    ("db_connection_acquire_duration_seconds", "connections were taken for that"),
    ("host_network_", "counts since the machine started"),
    ("http_connections_open", "the page is read through one"),
    ("log_events_total{level=\"debug\"}", "where LOG__LEVEL asks for it"),
    ("log_events_total{level=\"info\"}", "the start is logged"),
    ("log_events_total{level=\"warn\"}", "a machine that is almost full is warned of"),
    ("belfry_alerts_total", "a machine that is almost full is warned of"),
    ("process_cpu_seconds_total", "starting takes some"),
    ("telemetry_render_duration_seconds", "the page before this one was written"),
    ("tokio_worker_busy_seconds_total", "starting takes some"),
];

fn begins(series: &str, with: &str) -> bool {
    series.starts_with(with)
}

/// What the catalogue promises, from its own text rather than from the code that keeps the promise.
#[tokio::test]
async fn each_closed_label_value_is_there_as_0_from_the_first_scrape() {
    let server = Server::start().await;
    let page = server.get("/metrics").await.text().await.unwrap();
    let print = Command::new(env!("CARGO_BIN_EXE_belfry")).args(["metrics", "--json"]).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&print.stdout).unwrap();
    let is_closed = |row: &&Value| row["labels"].as_array().unwrap().iter().all(|label| label["values"].is_array());
    let mut wrong = Vec::new();
    let mut zeros = 0;
    for row in rows.iter().filter(is_closed) {
        let name = row["name"].as_str().unwrap();
        // Counters of the service's own among them are read from the database.
        let may_be_read = row["type"] == "gauge" || name.starts_with("belfry_");
        if may_be_read && (READ.iter().any(|read| begins(name, read)) || name.starts_with("tokio_")) {
            continue;
        }
        let suffix = if row["type"] == "histogram" { "_count" } else { "" };
        for labels in label_sets(row) {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let series = format!("{name}{suffix}{labels}");
            let value = page.lines().find_map(|line| line.strip_prefix(&series)?.strip_prefix(' '));
            match value {
                None => wrong.push(format!("{series} is not on the first page")),
                Some("0") => zeros += 1,
                Some(_) if MOVED.iter().any(|(moved, _)| begins(&series, moved)) => {}
                Some(value) => wrong.push(format!("{series} begins at {value}, and MOVED does not say why")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(zeros >= 100, "only {zeros} series are there as 0");
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    for excused in READ.iter().chain(MOVED.iter().map(|(moved, _)| moved)) {
        let (excused, _) = excused.split_once('{').unwrap_or((excused, ""));
        assert!(names.iter().any(|name| begins(name, excused)), "{excused} is excused and not there");
    }
}

/// On SQLite and, with `BELFRY_TEST_DATABASE_URL`, on PostgreSQL.
#[tokio::test]
async fn each_kind_of_statement_moves_its_own_series() {
    let server = Server::start().await;
    let kinds = ["select", "insert", "update", "delete", "transaction"];
    let counts = async || {
        let page = server.get("/metrics").await.text().await.unwrap();
        let count = |kind: &str| -> f64 {
            let series = format!("db_query_duration_seconds_count{{query_type=\"{kind}\"}} ");
            page.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap()
        };
        kinds.map(count)
    };
    let before = counts().await;
    let id = upload(&server, "a,b\n1,2\n").await;
    assert_eq!(server.get(&format!("/api/v1/datasets/{id}")).await.status(), StatusCode::OK);
    let delete = server.client.delete(format!("{}/api/v1/datasets/{id}", server.url)).send().await.unwrap();
    assert_eq!(delete.status(), StatusCode::NO_CONTENT);
    eventually("each kind has moved", PATIENCE, async || {
        // Its check of the database updates a row, when the last report is old enough.
        server.get("/readyz").await;
        let after = counts().await;
        let still: Vec<&str> =
            (0..kinds.len()).filter(|kind| after[*kind] <= before[*kind]).map(|kind| kinds[kind]).collect();
        if still.is_empty() { Ok(()) } else { Err(format!("not moved: {still:?}")) }
    })
    .await;
}

#[tokio::test]
async fn every_family_has_the_help_and_type_of_the_catalogue() {
    let server = Server::start().await;
    server.get("/readyz").await;
    let page = server.get("/metrics").await.text().await.unwrap();
    let print = Command::new(env!("CARGO_BIN_EXE_belfry")).args(["metrics", "--json"]).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&print.stdout).unwrap();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is in no catalogue"));
        assert_eq!(row["type"], kind, "{name}");
        assert!(page.contains(&format!("# HELP {name} {}\n", row["help"].as_str().unwrap())), "{name} has no help");
    }
}

/// What counts is the threads: how many pages are rendered depends on how fast they are asked for.
#[tokio::test]
async fn many_scrapers_at_once_take_no_threads_of_their_own() {
    let server = Server::start().await;
    let threads = || std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count();
    let before = threads();
    let scrapers: Vec<_> = (0..150)
        .map(|_| {
            let (client, url) = (server.client.clone(), format!("{}/metrics", server.url));
            tokio::spawn(async move {
                for _ in 0..4 {
                    let page = client.get(&url).send().await.unwrap();
                    assert_eq!(page.status(), StatusCode::OK);
                    assert!(page.text().await.unwrap().contains("\napp_info{"), "a page is cut off");
                }
            })
        })
        .collect();
    let mut most = before;
    while !scrapers.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(threads());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for scraper in scrapers {
        scraper.await.unwrap();
    }
    // Jobs and checks go on meanwhile.
    assert!(most <= before + 10, "{most} threads after {before}");
    let rendered = server.metric("telemetry_render_duration_seconds_count").await.unwrap();
    assert!(rendered <= 601.0, "{rendered} pages for 601 requests");
}
