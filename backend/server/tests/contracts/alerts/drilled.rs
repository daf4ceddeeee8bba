//! docs/runbook.md shows how each alert is driven by `belfry drill`, and that it got through.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::alerts;
use crate::contracts::monitoring::{read, text};

/// Alert -> severity, how it is driven, and the result.
fn table(page: &str) -> BTreeMap<String, [String; 3]> {
    let section = page.split("\n## Drills\n").nth(1).expect("a section on drills");
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
        let [alert, severity, driven, .., result] = cells[..] else { panic!("{line}") };
        Some((
            alert.trim_end_matches('`').to_owned(),
            [severity, driven, result.split(':').next().unwrap_or(result)].map(str::to_owned),
        ))
    });
    rows.collect()
}

#[test]
fn the_runbook_shows_the_drill_of_every_alert() {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["drill", "--json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("it starts");
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a list as JSON");
    let expected: BTreeMap<String, [String; 3]> = listed
        .iter()
        .map(|row| {
            let driven = format!("{}: {}", text(row, "driven"), text(row, "how").replace('|', r"\|"));
            (text(row, "alert").to_owned(), [text(row, "severity").to_owned(), driven, "ok".to_owned()])
        })
        .collect();
    assert_eq!(expected.keys().collect::<Vec<_>>(), alerts().keys().collect::<Vec<_>>());
    let shown = table(&read("docs/runbook.md"));
    let differ: Vec<_> = expected.iter().filter(|(alert, row)| shown.get(*alert) != Some(*row)).collect();
    assert!(differ.is_empty(), "the table is not of these alerts: belfry drill --all --markdown: {differ:#?}");
    assert_eq!(shown.len(), expected.len(), "the table has alerts that are gone");
}
