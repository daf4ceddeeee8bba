//! Objectives that cannot be used are refused with what was found and what is expected; the rest is read by promtool.

use super::objectives::Objectives;
use super::{checks, rules};

const FINE: &str = "
window: 30d
objectives:
  - name: upload-success
    title: Uploads stored
    objective: 0.99
    metric: belfry_uploads_total
    only: {outcome: stored|failed}
    errors: {outcome: failed}
    minimum_events: 10
    minimum_errors: 3
    runbook: docs/runbook.md#uploadsuccessbudgetburn
    dashboard: /d/datasets-training
  - name: http-latency
    title: Requests answered within a second
    objective: 0.99
    metric: http_request_duration_seconds
    slower_than_seconds: 1
    minimum_events: 100
    minimum_errors: 20
    runbook: docs/runbook.md#httplatencybudgetburn
    dashboard: /d/http
";

fn parsed(text: &str) -> Objectives {
    yaml_serde::from_str(text).unwrap()
}

fn faults_with(from: &str, to: &str) -> String {
    assert!(FINE.contains(from), "{from}");
    checks::faults(&parsed(&FINE.replacen(from, to, 1))).join("\n")
}

#[test]
fn objectives_that_can_be_used_have_no_fault() {
    assert_eq!(checks::faults(&parsed(FINE)), Vec::<String>::new());
}

#[test]
fn each_fault_names_what_was_found_and_what_is_expected() {
    for (from, to, expected) in [
        ("window: 30d", "window: 28d", "window: found \"28d\", expected \"30d\""),
        ("name: upload-success", "name: Uploads", "Uploads: name: found \"Uploads\", expected at most 40 lower-case"),
        ("name: upload-success", "name: a--b", "name: found \"a--b\""),
        ("name: upload-success", "name: http-latency", "http-latency: name: found one that another objective has"),
        ("title: Uploads stored", "title: 'Uploads {{ $value }}'", "upload-success: title: found"),
        ("objective: 0.99", "objective: 1", "upload-success: objective: found 1, expected a share between 0 and 1"),
        ("objective: 0.99", "objective: 0", "objective: found 0, expected a share between 0 and 1"),
        ("objective: 0.99", "objective: .nan", "objective: found NaN, expected a share between 0 and 1"),
        ("objective: 0.99", "objective: 99.9", "objective: found 99.9, expected a share between 0 and 1"),
        ("objective: 0.99", "objective: 0.93", "objective: found 0.93, expected more than 0.9306"),
        (
            "belfry_uploads_total",
            "belfry_uploads",
            "metric: found \"belfry_uploads\", expected a metric of docs/metrics.md",
        ),
        ("belfry_uploads_total", "belfry_uploads_in_progress", "a gauge, expected a counter or a histogram"),
        (
            "only: {outcome",
            "only: {result",
            "only.result: found a label that it lacks, expected a label of belfry_uploads_total: outcome",
        ),
        (
            "stored|failed",
            "stored|filed",
            "only.outcome: found \"filed\", expected values of outcome: stored, rejected",
        ),
        ("outcome: failed", "outcome: '('", "errors.outcome: found \"(\", expected a regular expression"),
        ("outcome: failed", "outcome: rejected", "errors.outcome: found \"rejected\", which is no event"),
        (
            "outcome: failed",
            "outcome: stored|failed",
            "which are all events, expected values that leave some events good",
        ),
        ("    errors: {outcome: failed}\n", "", "errors: found none, expected the label values of errors"),
        (
            "    errors: {outcome: failed}\n",
            "    slower_than_seconds: 1\n",
            "slower_than_seconds: found 1, expected none",
        ),
        (
            "slower_than_seconds: 1",
            "slower_than_seconds: 0.7",
            "found 0.7, expected a bucket boundary of http_request_duration_seconds: 0.000032,",
        ),
        (
            "    slower_than_seconds: 1\n",
            "",
            "http-latency: slower_than_seconds: found none, expected a bucket boundary",
        ),
        (
            "http_request_duration_seconds",
            "http_request_size_bytes",
            "expected a bucket boundary of http_request_size_bytes: 128,",
        ),
        ("minimum_events: 10", "minimum_events: 0", "minimum_events: found 0, expected at least 1"),
        ("minimum_errors: 3", "minimum_errors: 1", "minimum_errors: found 1, expected at least 2"),
        (
            "#uploadsuccess",
            "#uploads",
            "expected the section of its alerts, \"docs/runbook.md#uploadsuccessbudgetburn\"",
        ),
        ("dashboard: /d/datasets", "dashboard: datasets", "dashboard: found \"datasets-training\", expected /d/ and"),
    ] {
        let faults = faults_with(from, to);
        assert!(faults.contains(expected), "{from} as {to}: {faults:?}");
    }
}

/// Two errors are two lines, so that both can be mended at once.
#[test]
fn every_fault_is_told() {
    let text = FINE.replacen("minimum_events: 10", "minimum_events: 0", 1).replacen("/d/http", "http", 1);
    assert_eq!(checks::faults(&parsed(&text)).len(), 2);
    let none = checks::faults(&parsed("window: 30d\nobjectives: []"));
    assert_eq!(none, ["objectives: found none, expected at least one"]);
}

#[test]
fn an_unknown_or_missing_key_is_named() {
    let unknown = yaml_serde::from_str::<Objectives>(&FINE.replacen("title", "titel", 1)).unwrap_err().to_string();
    assert!(unknown.contains("titel") && unknown.contains("line"), "{unknown}");
    let missing = FINE.replacen("    dashboard: /d/http\n", "", 1);
    let missing = yaml_serde::from_str::<Objectives>(&missing).unwrap_err().to_string();
    assert!(missing.contains("dashboard"), "{missing}");
}

#[test]
fn a_boundary_is_matched_in_both_spellings() {
    let text = rules::text(&parsed(FINE));
    assert!(text.contains(r#"le=~"1([.]0)?""#), "{text}");
    let text = rules::text(&parsed(&FINE.replacen("slower_than_seconds: 1", "slower_than_seconds: 0.25", 1)));
    assert!(text.contains(r#"le=~"0[.]25""#), "{text}");
}

#[test]
fn every_objective_has_an_alert_of_each_tier() {
    let text = rules::text(&parsed(FINE));
    for alert in ["UploadSuccessBudgetBurn", "HttpLatencyBudgetBurn"] {
        assert_eq!(text.matches(&format!("alert: {alert}\n")).count(), 4, "{text}");
    }
}
