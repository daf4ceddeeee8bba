//! The catalogue is the contract: dashboards and rules say only what it promises, each metric is used or says why not, the
//! page shows what the catalogue promises, and `docs/metrics.md` is its text.

mod breaches;

use std::collections::BTreeSet;
use std::path::Path;

use crate::contracts::monitoring::contract::{Contract, print};
use crate::contracts::monitoring::{self, queries, rules, selectors};

/// Metrics that no panel and no rule shows, each with its reason.
const UNUSED: &[(&str, &str)] = &[];

/// Labels whose values are not listed in the catalogue, metric by metric, each with what bounds it besides the cap. A label
/// that is bounded in one metric need not be in another, so each new one has to be thought about.
const OPEN_LABELS: &[(&str, &str, &str)] = &[
    ("http_requests_total", "endpoint", ROUTES),
    ("http_requests_total", "status", "HTTP status codes that handlers answer, or their five classes"),
    ("http_request_duration_seconds", "endpoint", ROUTES),
    ("http_request_size_bytes", "endpoint", ROUTES),
    ("http_response_size_bytes", "endpoint", ROUTES),
    ("http_requests_in_progress", "endpoint", ROUTES),
    ("app_info", "service", "one a process, a constant in its code"),
    ("app_info", "version", "one a process, that of its build"),
    ("app_info", "environment", "one a process, from APP__ENVIRONMENT"),
    ("errors_total", "error_type", "codes of the error enums, which are in the code"),
    ("errors_total", "component", "parts of the code that name themselves"),
    ("scheduler_jobs_total", "job_name", JOBS),
    ("scheduler_job_duration_seconds", "job_name", JOBS),
    ("scheduler_jobs_in_progress", "job_name", JOBS),
    ("scheduler_job_last_success_timestamp_seconds", "job_name", JOBS),
    ("scheduler_job_last_failure_timestamp_seconds", "job_name", JOBS),
    ("scheduler_job_interval_seconds", "job_name", JOBS),
    ("scheduler_job_next_due_timestamp_seconds", "job_name", JOBS),
    ("scheduler_job_overlaps_total", "job_name", JOBS),
    ("scheduler_job_misses_total", "job_name", JOBS),
    ("belfry_revenue_minor_units_total", "currency", CURRENCIES),
    ("belfry_refunds_minor_units_total", "currency", CURRENCIES),
    ("external_api_requests_total", "service", CALLED),
    ("external_api_requests_total", "endpoint", "names or templates that are static in the code of the call"),
    ("external_api_requests_total", "status", "HTTP status codes, and four words for calls without an answer"),
    ("external_api_duration_seconds", "service", CALLED),
    ("health_check_status", "check", CHECKS),
    ("health_check_duration_seconds", "check", CHECKS),
    ("host_disk_total_bytes", "disk", DISKS),
    ("host_disk_used_bytes", "disk", DISKS),
    ("host_disk_usage_ratio", "disk", DISKS),
    ("belfry_ai_requests_total", "model", MODELS),
    ("belfry_ai_request_duration_seconds", "model", MODELS),
    ("belfry_ai_tokens_total", "model", MODELS),
    ("belfry_ai_cost_dollars_total", "model", MODELS),
    ("belfry_ai_unpriced_requests_total", "model", MODELS),
    ("telemetry_series_dropped_total", "metric", "names of metrics, which are rows of the catalogue"),
];

const CURRENCIES: &str = "the currencies of ISO 4217, fewer than the cap";
const ROUTES: &str = "templates of the router's routes, and `unmatched`; never a path";
const JOBS: &str = "the scheduled jobs, an enum in the code";
const CALLED: &str = "services that are called, static names in the code";
const CHECKS: &str = "the health checks, which are registered once at the start";
const MODELS: &str = "models of the settings, 50 at most and then `overflow`";
const DISKS: &str = "names given to watch_disk, which are static in the code";

#[test]
fn dashboards_and_rules_say_only_what_the_catalogue_promises() {
    let contract = Contract::read();
    let (queries, rules) = (queries(), rules());
    assert!(queries.len() > 80 && rules.len() > 25, "{} queries, {} rules", queries.len(), rules.len());
    let of_queries = queries.iter().flat_map(|query| contract.breaches_of_query(query));
    let breaches: Vec<String> =
        of_queries.chain(rules.iter().flat_map(|rule| contract.breaches_of_rule(rule))).collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_metric_is_shown_or_says_why_not() {
    let contract = Contract::read();
    let (queries, rules) = (queries(), rules());
    let expressions = queries.iter().map(monitoring::Query::expr).chain(rules.iter().map(monitoring::Rule::expr));
    let named: BTreeSet<String> =
        expressions.flat_map(|expr| selectors(&expr).unwrap()).map(|selector| selector.metric).collect();
    let used: BTreeSet<&str> = named.iter().filter_map(|name| contract.behind(name)).map(|(name, _)| name).collect();
    let excused: BTreeSet<&str> = UNUSED.iter().map(|(name, _)| *name).collect();
    let names = contract.catalogue.keys().map(String::as_str);
    let forgotten: Vec<&str> = names.filter(|name| !used.contains(name) && !excused.contains(name)).collect();
    assert!(forgotten.is_empty(), "in no panel and no rule; add one, or a reason to UNUSED: {forgotten:?}");
    let stale: Vec<&&str> =
        excused.iter().filter(|name| used.contains(**name) || !contract.catalogue.contains_key(**name)).collect();
    assert!(stale.is_empty(), "excused in UNUSED and yet shown, or gone: {stale:?}");
}

#[test]
fn no_label_is_unbounded() {
    let mut unbounded = Vec::new();
    let mut open = BTreeSet::new();
    for (name, metric) in Contract::read().catalogue {
        for (label, _) in metric.labels.into_iter().filter(|(_, values)| values.is_none()) {
            if !OPEN_LABELS.iter().any(|(metric, open, _)| *metric == name && *open == label) {
                unbounded.push(format!(
                    "{name}: the label {label} takes any value; name an enum for it in the catalogue, or say in \
                     OPEN_LABELS of tests/contracts/catalogue/mod.rs what bounds it in this metric"
                ));
            }
            open.insert((name.clone(), label));
        }
    }
    assert!(unbounded.is_empty(), "{}", unbounded.join("\n"));
    for (metric, label, reason) in OPEN_LABELS {
        assert!(reason.len() > 15, "{metric}: {label} gives no reason");
        let known = open.contains(&((*metric).to_owned(), (*label).to_owned()));
        assert!(known, "OPEN_LABELS excuses {label} of {metric}, which is closed or gone");
    }
}

#[test]
fn names_units_and_help_keep_to_the_conventions() {
    for (name, metric) in Contract::read().catalogue {
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
