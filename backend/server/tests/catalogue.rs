//! The catalogue is the contract: dashboards and rules name only metrics and labels that exist, each metric is used
//! or says why not, the page shows what the catalogue promises, and `docs/metrics.md` is its text.

#![allow(clippy::unwrap_used)]

mod monitoring;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;
use std::process::Command;

use monitoring::{Selector, queries, rules, selectors};
use promql_parser::parser::Expr;
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

/// Metrics of other programs that dashboards and rules read.
const FOREIGN: &[&str] = &["up", "probe_success", "ALERTS", "scrape_duration_seconds", "scrape_samples_scraped"];

/// Labels that Prometheus adds to every series.
const ADDED_LABELS: &[&str] = &["job", "instance", "le", "tier", "quantile"];

/// Metrics that no panel and no rule shows, each with its reason.
const UNUSED: &[(&str, &str)] = &[
    (
        "telemetry_spans_total",
        "traces are off by default; for a person's own queries until a pipeline dashboard exists",
    ),
    ("telemetry_log_lines_dropped_total", "log files are off by default; panel follows"),
    ("belfry_runs", "panel follows"),
    ("belfry_alerts_total", "panel follows"),
    ("belfry_backup_size_bytes", "panel follows"),
];

struct Metric {
    kind: String,
    labels: BTreeMap<String, Option<BTreeSet<String>>>,
}

fn print(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry")).args(arguments).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn catalogue() -> BTreeMap<String, Metric> {
    let rows: Vec<Value> = serde_json::from_str(&print(&["metrics", "--json"])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let metric = |row: &Value| Metric {
        kind: text(&row["type"]),
        labels: row["labels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| {
                let values = label["values"].as_array().map(|values| values.iter().map(text).collect());
                (text(&label["name"]), values)
            })
            .collect(),
    };
    rows.iter().map(|row| (text(&row["name"]), metric(row))).collect()
}

/// Every selector of dashboards and rules with the place it stands in; recorded names are resolved by their own rules.
fn all_selectors() -> Vec<(String, Selector)> {
    let recorded: BTreeSet<String> = rules().iter().filter_map(monitoring::Rule::recorded).collect();
    let of = |place: &str, expr: &str| {
        let found = selectors(expr).unwrap_or_else(|error| panic!("{place}: {error}"));
        found.into_iter().map(|selector| (place.to_owned(), selector)).collect::<Vec<_>>()
    };
    let from_queries = queries().into_iter().flat_map(|query| of(&query.place, &query.expr)).collect::<Vec<_>>();
    let from_rules = rules().into_iter().flat_map(|rule| of(&rule.place, &rule.expr())).collect::<Vec<_>>();
    let all = from_queries.into_iter().chain(from_rules);
    all.filter(|(_, selector)| !recorded.contains(&selector.metric)).collect()
}

/// The catalogue's metric behind a series name, histogram suffixes taken off.
fn behind<'c>(name: &str, catalogue: &'c BTreeMap<String, Metric>) -> Option<(&'c str, &'c Metric)> {
    if let Some((name, metric)) = catalogue.get_key_value(name) {
        return Some((name, metric));
    }
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
    let (name, metric) = catalogue.get_key_value(base)?;
    (metric.kind == "histogram").then_some((name.as_str(), metric))
}

#[test]
fn dashboards_and_rules_name_only_metrics_and_labels_that_exist() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for (place, selector) in all_selectors() {
        if FOREIGN.contains(&selector.metric.as_str()) || selector.metric.starts_with("node_") {
            continue;
        }
        let Some((name, metric)) = behind(&selector.metric, &catalogue) else {
            wrong.push(format!("{place}: {} is in no catalogue; name a metric of docs/metrics.md", selector.metric));
            continue;
        };
        if metric.kind == "histogram" && selector.metric == name {
            wrong.push(format!("{place}: {name} is a histogram; use {name}_bucket, _sum or _count"));
        }
        for (label, value) in &selector.matchers {
            if ADDED_LABELS.contains(&label.as_str()) {
                continue;
            }
            match metric.labels.get(label) {
                None => wrong.push(format!("{place}: {name} has no label {label}")),
                Some(Some(values)) if is_plain(value) => {
                    for value in value.split('|').filter(|value| !values.contains(*value)) {
                        wrong.push(format!("{place}: {name} never has {label}=\"{value}\""));
                    }
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rates_are_taken_of_counters_only() {
    let catalogue = catalogue();
    let expressions = queries().into_iter().map(|query| (query.place, query.expr));
    for (place, expr) in expressions.chain(rules().into_iter().map(|rule| (rule.place.clone(), rule.expr()))) {
        for name in rated(&expr) {
            let gauge = behind(&name, &catalogue).is_some_and(|(_, metric)| metric.kind == "gauge");
            assert!(!gauge, "{place}: {name} is a gauge, of which no rate can be taken");
        }
    }
}

/// The metrics of which an expression takes a rate or an increase.
fn rated(expr: &str) -> Vec<String> {
    struct Rated(Vec<String>);
    impl ExprVisitor for Rated {
        type Error = Infallible;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
            if let Expr::Call(call) = expr
                && ["rate", "irate", "increase"].contains(&call.func.name)
            {
                for argument in &call.args.args {
                    if let Expr::MatrixSelector(matrix) = argument.as_ref() {
                        self.0.extend(matrix.vs.name.clone());
                    }
                }
            }
            Ok(true)
        }
    }
    let mut rated = Rated(Vec::new());
    let Ok(_) = walk_expr(&mut rated, &promql_parser::parser::parse(expr).unwrap());
    rated.0
}

/// A value, or alternatives, without wildcards or variables.
fn is_plain(value: &str) -> bool {
    !value.contains(monitoring::VARIABLE) && value.chars().all(|c| c.is_ascii_alphanumeric() || "_|".contains(c))
}

#[test]
fn every_metric_is_shown_or_says_why_not() {
    let catalogue = catalogue();
    let used: BTreeSet<&str> = all_selectors()
        .iter()
        .filter_map(|(_, selector)| behind(&selector.metric, &catalogue).map(|(name, _)| name))
        .collect();
    let excused: BTreeSet<&str> = UNUSED.iter().map(|(name, _)| *name).collect();
    let forgotten: Vec<&String> =
        catalogue.keys().filter(|name| !used.contains(name.as_str()) && !excused.contains(name.as_str())).collect();
    assert!(forgotten.is_empty(), "in no panel and no rule; add one, or a reason to UNUSED: {forgotten:?}");
    let stale: Vec<&&str> =
        excused.iter().filter(|name| used.contains(**name) || !catalogue.contains_key(**name)).collect();
    assert!(stale.is_empty(), "excused in UNUSED and yet shown, or gone: {stale:?}");
}

#[test]
fn names_units_and_help_keep_to_the_conventions() {
    for (name, metric) in catalogue() {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == "counter", "{name} is a {}", metric.kind);
        for unit in ["_ms", "_milliseconds", "_minutes", "_kb", "_mb", "_percent", "_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(unit), "{name} ends in {unit}; use base units");
        }
        if metric.kind == "histogram" {
            assert!(name.ends_with("_seconds") || name.ends_with("_bytes"), "{name} has no unit");
        }
        for label in metric.labels.keys() {
            assert!(
                !["job", "instance", "le", "quantile"].contains(&label.as_str()),
                "{name} claims the label {label}"
            );
        }
    }
}

#[test]
fn the_reference_page_is_the_generated_text() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == print(&["metrics"]), "docs/metrics.md is not what `belfry metrics` prints; write it anew");
}
