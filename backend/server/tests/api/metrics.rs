//! The page of metrics of a server that has just started.

use std::process::Command;

use serde_json::Value;

use crate::server::Server;

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

#[tokio::test]
async fn each_closed_label_value_is_there_as_0_from_the_first_scrape() {
    let server = Server::start().await;
    let page = server.get("/metrics").await.text().await.unwrap();
    let print = Command::new(env!("CARGO_BIN_EXE_belfry")).args(["metrics", "--json"]).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&print.stdout).unwrap();
    let mut missing = Vec::new();
    let mut seen = 0;
    for row in rows.iter().filter(|row| row["seeded"] == true) {
        let suffix = if row["type"] == "histogram" { "_count" } else { "" };
        for labels in label_sets(row) {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let series = format!("{}{suffix}{labels} ", row["name"].as_str().unwrap());
            seen += 1;
            if !page.lines().any(|line| line.starts_with(&series)) {
                missing.push(series);
            }
        }
    }
    assert!(missing.is_empty(), "not on the first page: {missing:#?}");
    assert!(seen >= 100, "only {seen} series are known in advance");
    // Nothing was uploaded, trained or cleaned up in error yet.
    for series in [r#"belfry_uploads_total{outcome="failed"} 0"#, r#"log_events_total{level="error"} 0"#] {
        assert!(page.lines().any(|line| line == series), "{series}");
    }
}

#[tokio::test]
async fn every_family_of_the_page_is_in_the_catalogue_with_its_help_and_type() {
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
