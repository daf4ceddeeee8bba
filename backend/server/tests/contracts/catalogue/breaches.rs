//! The contract holds because it can be broken: each kind of mistake in a query is found, and said where it is.

use serde_json::{Value, json};

use crate::contracts::monitoring::contract::Contract;
use crate::contracts::monitoring::{Rule, queries_of};

fn rule(name: &str, expr: &str) -> Rule {
    Rule { place: format!("rules/test.yml, {name}"), body: json!({ "record": name, "expr": expr }) }
}

/// The repository's catalogue, with three recording rules.
fn contract() -> Contract {
    Contract::with(vec![
        rule("job_outcome:belfry_uploads:increase15m", "sum by (job, outcome) (increase(belfry_uploads_total[15m]))"),
        rule(
            "job:bad_uploads:increase15m",
            "sum by (job, outcome) (increase(belfry_uploads_total{outcome!=\"stored\"}[15m]))",
        ),
        rule("job_le:buckets:rate5m", "sum by (job, le) (rate(http_request_duration_seconds_bucket[5m]))"),
    ])
}

#[track_caller]
fn is_found(expr: &str, expected: &str) {
    let (_, breaches) = contract().evaluate(expr);
    assert!(breaches.iter().any(|breach| breach.contains(expected)), "{expr}: {breaches:?}, expected {expected}");
}

#[track_caller]
fn is_fine(expr: &str) {
    let (_, breaches) = contract().evaluate(expr);
    assert!(breaches.is_empty(), "{expr}: {breaches:?}");
}

#[test]
fn a_metric_that_there_is_not() {
    is_found("sum(rate(http_request_total[5m]))", "http_request_total is in no catalogue");
    is_found("job:nothing:rate5m", "job:nothing:rate5m is in no catalogue and no recording rule");
    is_found("belfry_upload_size_bytes", "use belfry_upload_size_bytes_bucket, _sum or _count");
    is_found("belfry_datasets_bucket", "belfry_datasets_bucket is in no catalogue");
    is_found("sum({job=\"backend\"})", "names no metric");
}

#[test]
fn a_label_that_there_is_not_wherever_it_stands() {
    is_found("belfry_datasets{outcome=\"stored\"}", "belfry_datasets has no label outcome");
    is_found(
        "http_requests_total{route!=\"/\"}",
        "has no label route; kept are endpoint, instance, job, method, status",
    );
    is_found("http_requests_total{route!~\"/x.*\"}", "has no label route");
    is_found("sum by (route) (rate(http_requests_total[5m]))", "by (route)");
    is_found("sum without (route) (rate(http_requests_total[5m]))", "without (route)");
    is_found(
        "sum by (endpoint) (sum by (method) (rate(http_requests_total[5m])))",
        "there is no label endpoint; kept are method",
    );
    is_found("topk by (route) (3, rate(http_requests_total[5m]))", "by (route)");
    is_found("app_uptime_seconds and on (status) http_requests_total", "on (status)");
    is_found("app_uptime_seconds * ignoring (status) app_uptime_seconds", "ignoring (status)");
    is_found("app_uptime_seconds * on (job, instance) group_left (branch) app_info", "takes the label branch");
    is_fine("app_uptime_seconds * on (job, instance) group_left (version) app_info");
    is_fine("http_requests_total * ignoring (endpoint, method, status) group_left app_uptime_seconds");
}

#[test]
fn a_value_that_a_label_never_has() {
    is_found("belfry_uploads_total{outcome=\"faled\"}", "never has outcome=\"faled\"; it is one of cancelled, failed");
    is_found("belfry_uploads_total{outcome!=\"faled\"}", "never has outcome=\"faled\"");
    is_found("belfry_uploads_total{outcome=~\"stored|faled\"}", "never has outcome=\"faled\"");
    is_found("belfry_uploads_total{outcome!~\"stored|faled\"}", "never has outcome=\"faled\"");
    is_found("belfry_uploads_total{outcome=~\"fale.*\"}", "has no outcome left");
    is_found("http_requests_total{method=\"get\"}", "never has method=\"get\"");
    is_fine("belfry_uploads_total{outcome=~\"fail.*\"}");
}

#[test]
fn a_recorded_series_has_what_its_rule_keeps() {
    let recorded = "job_outcome:belfry_uploads:increase15m";
    is_fine(&format!("sum by (job) ({recorded}{{outcome=\"failed\"}})"));
    is_found(&format!("{recorded}{{outcome=\"faled\"}}"), "never has outcome=\"faled\"");
    is_found(&format!("{recorded}{{instance=\"a\"}}"), "has no label instance; kept are job, outcome");
    is_found("job:bad_uploads:increase15m{outcome=\"stored\"}", "never has outcome=\"stored\"");
    is_found(&format!("rate({recorded}[5m])"), "rate of a gauge");
    is_fine("histogram_quantile(0.95, job_le:buckets:rate5m)");
    is_found("histogram_quantile(0.95, sum by (job) (job_le:buckets:rate5m))", "the label le is lost");
}

#[test]
fn a_function_that_does_not_fit_the_type() {
    for function in ["rate", "irate", "increase"] {
        is_found(&format!("{function}(belfry_datasets[5m])"), &format!("{function} of a gauge"));
        is_fine(&format!("{function}(belfry_uploads_total[5m])"));
        is_fine(&format!("{function}(belfry_upload_size_bytes_sum[5m])"));
    }
    is_found("rate(sum(belfry_uploads_total)[5m:1m])", "rate of a gauge");
    is_found("delta(belfry_uploads_total[5m])", "delta of a counter");
    is_found("deriv(belfry_upload_size_bytes_count[5m])", "deriv of a counter");
    is_fine("delta(belfry_datasets[5m])");
    let rated = "rate(belfry_upload_size_bytes_bucket[5m])";
    is_fine(&format!("histogram_quantile(0.95, sum by (le) ({rated}))"));
    is_found(&format!("histogram_quantile(0.95, sum by (outcome) ({rated}))"), "by (outcome)");
    is_found(&format!("histogram_quantile(0.95, sum({rated}))"), "the label le is lost");
    is_found("histogram_quantile(0.95, belfry_upload_size_bytes_bucket)", "is not of rated buckets");
    is_found("histogram_quantile(0.95, rate(belfry_upload_size_bytes_sum[5m]))", "is not of rated buckets");
}

#[test]
fn sides_that_never_match() {
    is_found("sum by (job) (db_connections_active) / sum(db_connections_max)", "never match");
    is_found("app_uptime_seconds and belfry_uploads_total", "never match");
    is_fine("sum by (job) (db_connections_active) / sum by (job) (db_connections_max)");
    is_fine("sum(belfry_datasets) or on () 0 * max(app_uptime_seconds)");
}

#[test]
fn a_comparison_that_is_never_or_always_true() {
    for never in [
        "up > 1",
        "rate(belfry_uploads_total[5m]) < 0",
        "count(up == 0) == 0",
        "probe_success == 2",
        "increase(errors_total[5m]) + 1 < 1",
        "min_over_time(up[5m]) < 0",
    ] {
        is_found(never, "never true");
    }
    for always in ["up >= 0", "sum(increase(errors_total[5m])) >= 0", "count(up) > 0", "up != 3"] {
        is_found(always, "always true");
    }
    for open in [
        "up == 0",
        "belfry_datasets < 0",
        "delta(belfry_datasets[5m]) < 0",
        "count(up) > 1",
        "node_time_seconds - time() < 0",
    ] {
        is_fine(open);
    }
}

fn dashboard(panels: Value) -> Value {
    json!({
        "panels": panels,
        "templating": { "list": [{ "name": "disk", "type": "query", "query": { "query": "label_values(host_disk_used_bytes, device)" } }] },
        "annotations": { "list": [{ "name": "Starts", "datasource": { "type": "prometheus" }, "expr": "app_start_time",
            "titleFormat": "{{job}}" }] },
    })
}

#[track_caller]
fn is_told(dashboard: &Value, expected: &str) {
    let contract = contract();
    let told =
        queries_of("test", dashboard).iter().flat_map(|query| contract.breaches_of_query(query)).collect::<Vec<_>>();
    assert!(told.iter().any(|told| told.contains(expected)), "{told:?}, expected {expected}");
}

#[test]
fn a_breach_names_file_panel_and_query() {
    let target =
        json!({ "refId": "B", "datasource": { "type": "prometheus" }, "expr": "belfry_dataset", "legendFormat": "" });
    let panel = json!({ "id": 7, "title": "Stored", "targets": [target] });
    is_told(
        &dashboard(json!([panel])),
        "dashboards/test.json, panel 7 \"Stored\", query B: belfry_dataset is in no catalogue",
    );
    is_told(&dashboard(json!([])), "dashboards/test.json, annotation Starts: app_start_time is in no catalogue");
    is_told(&dashboard(json!([])), "dashboards/test.json, variable disk: nothing has the label device that is shown");
}

#[test]
fn folded_rows_and_inherited_datasources_are_read() {
    let target = json!({ "refId": "A", "expr": "belfry_dataset", "legendFormat": "" });
    let inherits = json!({ "id": 8, "title": "Inherits", "datasource": { "type": "prometheus" }, "targets": [target] });
    is_told(&dashboard(json!([inherits])), "panel 8 \"Inherits\", query A: belfry_dataset is in no catalogue");
    let row = json!({ "id": 9, "type": "row", "collapsed": true, "title": "Row", "panels": [inherits] });
    is_told(&dashboard(json!([row])), "panel 8 \"Inherits\", query A: belfry_dataset is in no catalogue");
}

#[test]
fn a_legend_that_shows_a_label_that_is_lost() {
    let target = json!({ "refId": "A", "datasource": { "type": "prometheus" }, "legendFormat": "{{ status }}",
        "expr": "sum by (method) (rate(http_requests_total[5m]))" });
    let panel = json!({ "id": 1, "title": "Requests", "targets": [target] });
    is_told(&dashboard(json!([panel])), "nothing has the label status that is shown; kept are method");
}

#[test]
fn an_alert_that_speaks_of_a_label_that_is_lost() {
    let body = json!({ "alert": "Example", "expr": "sum by (job) (increase(errors_total[5m])) > 1",
        "labels": { "severity": "warning" }, "annotations": { "description": "{{ $labels.job }}: {{ $labels.component }}" } });
    let told = contract().breaches_of_rule(&Rule { place: "rules/test.yml, Example".to_owned(), body });
    let expected = "rules/test.yml, Example: nothing has the label component of $labels.component; kept are job";
    assert_eq!(told, [expected]);
}
