//! The contracts hold because they can be broken: a mistake in any query, unit or override of any panel is found, and said where it
//! is.

use serde_json::Value;

use super::agreement::faults;
use super::linter;
use crate::contracts::monitoring::contract::Contract;
use crate::contracts::monitoring::{dashboards, list, panels, text};

/// A dashboard with one panel changed.
fn with_change(dashboard: &Value, id: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = dashboard.clone();
    let panels = changed["panels"].as_array_mut().unwrap();
    change(panels.iter_mut().find(|panel| panel["id"] == *id).unwrap());
    changed
}

/// What each kind of mistake does to a panel; None where it cannot be made.
type Mistake = (&'static str, fn(&Value) -> bool, fn(&mut Value));

const MISTAKES: [Mistake; 5] = [
    ("a metric", asks_prometheus, |panel| {
        replace(panel, |expr| format!("{expr} + on () group_left () sum(no_such_metric)"))
    }),
    ("a label", has_known_labels, |panel| replace(panel, |expr| format!("sum by (no_such_label) ({expr})"))),
    (
        "a unit",
        |panel| asks_prometheus(panel) && panel["type"] != "table",
        |panel| {
            let unit = &mut panel["fieldConfig"]["defaults"]["unit"];
            *unit = if *unit == "bytes" { "s".into() } else { "bytes".into() };
        },
    ),
    (
        "an override",
        |panel| !list(&panel["fieldConfig"], "overrides").is_empty(),
        |panel| {
            panel["fieldConfig"]["overrides"][0]["matcher"]["options"] = "nothing of that name".into();
        },
    ),
    (
        "a link",
        |panel| !list(&panel["fieldConfig"]["defaults"], "links").is_empty(),
        |panel| {
            panel["fieldConfig"]["defaults"]["links"][0]["url"] = "/d/nowhere".into();
        },
    ),
];

/// The dashboard with this panel alone, and of that only what this kind of mistake is about: another test has seen that the rest is
/// fine, and each query takes a while to read.
fn alone(mut dashboard: Value, panel: &Value, what: &str) -> Value {
    dashboard["annotations"]["list"] = Value::Array(Vec::new());
    for variable in dashboard["templating"]["list"].as_array_mut().unwrap() {
        variable["type"] = "textbox".into();
    }
    let panels = dashboard["panels"].as_array_mut().unwrap();
    panels.retain(|one| one["id"] == panel["id"]);
    let config = &mut panels[0]["fieldConfig"];
    if let Some(links) = config["defaults"]["links"].as_array_mut() {
        links.truncate(usize::from(what == "a link"));
    }
    if what != "an override" && panel["type"] != "table" {
        config["overrides"] = Value::Array(Vec::new());
    }
    dashboard
}

fn asks_prometheus(panel: &Value) -> bool {
    list(panel, "targets").iter().any(|target| target["datasource"]["type"] == "prometheus")
}

/// Which labels an alert has is known to its rule alone.
///
/// Some panels of each dashboard will do, since a label is looked up where the metric is.
fn has_known_labels(panel: &Value) -> bool {
    panel["id"].as_u64().unwrap().is_multiple_of(5)
        && asks_prometheus(panel)
        && !text(&panel["targets"][0], "expr").contains("ALERTS")
}

fn replace(panel: &mut Value, change: impl Fn(&str) -> String) {
    let expr = change(text(&panel["targets"][0], "expr"));
    panel["targets"][0]["expr"] = expr.into();
}

#[test]
fn a_mistake_in_any_panel_is_named() {
    let (contract, all) = (Contract::read(), dashboards());
    let mut made = 0;
    for (name, dashboard) in &all {
        for panel in panels(dashboard).into_iter().filter(|panel| panel["type"] != "row") {
            for (what, _, change) in MISTAKES.iter().filter(|(_, applies, _)| applies(panel)) {
                made += 1;
                let alone = alone(with_change(dashboard, &panel["id"], change), panel, what);
                let found = faults(name, &alone, &contract, &all);
                let place = format!("dashboards/{name}.json, panel {} {}", panel["id"], panel["title"]);
                assert!(found.iter().any(|fault| fault.starts_with(&place)), "{place}: {what}: {found:?}");
            }
        }
    }
    assert!(made > 500, "only {made} mistakes were made");
}

#[test]
fn each_rule_of_the_linter_finds_its_mistake() {
    let all = dashboards();
    let (http, logs) = (&small(&all["http"]), &small(&all["logs"]));
    let id = &list(http, "panels")[1]["id"];
    let with_expr = |expr: &str| with_change(http, id, |panel| panel["targets"][0]["expr"] = expr.into());
    let with_variable = |name: &str, key: &str, value: Value| {
        let mut changed = http.clone();
        let variables = changed["templating"]["list"].as_array_mut().unwrap();
        variables.iter_mut().find(|variable| variable["name"] == name).unwrap()[key] = value;
        changed
    };
    let log_panel = list(logs, "panels").last().unwrap();
    let with_logql =
        |expr: &str| with_change(logs, &log_panel["id"], |panel| panel["targets"][0]["expr"] = expr.into());
    for (rule, changed) in [
        ("template-datasource-rule", with_variable("prometheus_datasource", "label", "Metrics".into())),
        ("template-job-rule", with_variable("job", "label", "Service".into())),
        ("template-instance-rule", with_variable("instance", "multi", false.into())),
        (
            "template-label-promql-rule",
            with_variable("job", "query", serde_json::json!({"query": "label_values(up{, job)"})),
        ),
        ("template-on-time-change-reload-rule", with_variable("job", "refresh", 1.into())),
        ("panel-datasource-rule", with_change(http, id, |panel| panel["datasource"]["uid"] = "Prometheus".into())),
        ("panel-title-description-rule", with_change(http, id, |panel| panel["description"] = "".into())),
        (
            "panel-units-rule",
            with_change(http, id, |panel| panel["fieldConfig"]["defaults"]["unit"] = "requests".into()),
        ),
        ("panel-no-targets-rule", with_change(http, id, |panel| panel["targets"] = Value::Array(vec![]))),
        ("target-logql-rule", with_logql("|= `lost`")),
        ("target-logql-auto-rule", with_logql("sum(count_over_time({service=~\"$service\"} [5m]))")),
        ("target-promql-rule", with_expr("sum(up{)")),
        (
            "target-rate-interval-rule",
            with_expr("sum(rate(http_requests_total{job=~\"$job\", instance=~\"$instance\"}[5m]))"),
        ),
        ("target-job-rule", with_expr("sum(up{instance=~\"$instance\"})")),
        ("target-instance-rule", with_expr("sum(up{job=~\"$job\"})")),
        ("target-counter-agg-rule", with_expr("sum(http_requests_total{job=~\"$job\", instance=~\"$instance\"})")),
    ] {
        let count = |dashboard: &Value| {
            linter::findings_of(dashboard).iter().filter(|finding| finding.to_string().starts_with(rule)).count()
        };
        let before = count(if rule.contains("logql") { logs } else { http });
        assert!(count(&changed) > before, "{rule} found nothing");
    }
    let mut fixed = http.clone();
    fixed["editable"] = false.into();
    let rule = "uneditable-dashboard-rule";
    assert!(!linter::findings_of(&fixed).iter().any(|finding| finding.to_string().starts_with(rule)), "{rule}");
}

/// The dashboard with three panels of its many: a heading, the first one, and the last.
fn small(dashboard: &Value) -> Value {
    let mut small = dashboard.clone();
    let panels = small["panels"].as_array_mut().unwrap();
    let last = panels.pop().unwrap();
    panels.truncate(2);
    panels.push(last);
    small
}
