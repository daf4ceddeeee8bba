//! Holds dashboards, rules and datasources to what a reader of a panel relies on, without starting anything.
//!
//! Expressions are read through the PromQL grammar, never by text search. Whether the queries return data is asked
//! of a real Prometheus elsewhere; what each alert does over time is in `infra/monitoring/prometheus/tests/`.
mod agreement;
mod broken;
mod links;
mod linter;
mod overrides;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::contracts::monitoring::*;
use serde_json::Value;

/// Beginnings of names that stand for more than one service and so cannot be narrowed to `$job` and `$instance`.
const UNSCOPED: [(&str, &str); 9] = [
    ("probe_", "a probe names its service, not its job"),
    ("ALERTS", "alerts of the monitoring itself count too"),
    ("instance_device:node_filesystem_avail:ratio", "a disk belongs to the host"),
    ("slo:", "an objective is the same for every service"),
    ("node_", "the host is nobody's"),
    ("prometheus_", "a part of the monitoring"),
    ("alertmanager_", "a part of the monitoring"),
    ("loki_", "a part of the monitoring"),
    ("grafana_", "a part of the monitoring"),
];

/// Dashboards about the whole stack, and what they read of every target.
const WHOLE_STACK: [&str; 2] = ["monitoring-stack", "alerts"];
const OF_EVERY_TARGET: [&str; 3] = ["up", "scrape_", "process_"];

/// What both Grafana and the viewer can draw.
const PANEL_TYPES: [&str; 12] = [
    "timeseries",
    "stat",
    "table",
    "bargauge",
    "gauge",
    "logs",
    "text",
    "state-timeline",
    "status-history",
    "heatmap",
    "piechart",
    "alertlist",
];

#[test]
fn every_dashboard_can_be_found() {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        assert_eq!(text(&dashboard, "uid"), name, "the uid is the file's name");
        assert!(uids.insert(name.clone()), "{name}: uid taken");
        assert!(!text(&dashboard, "title").is_empty() && !text(&dashboard, "description").is_empty(), "{name}");
        assert!(!list(&dashboard, "tags").is_empty(), "{name} has no tags");
        assert!(!list(&dashboard, "links").is_empty(), "{name} links to no neighbour");
        assert!(dashboard["schemaVersion"].as_u64() >= Some(41), "{name}: schema too old");
        assert!(dashboard["id"].is_null(), "{name}: a database id does not belong into a file");
    }
}

#[test]
fn every_dashboard_is_narrowed_by_its_variables() {
    let provisioned = datasources();
    for (name, dashboard) in dashboards() {
        let source = dashboard.to_string();
        assert!(
            !source.contains("${DS_") && !source.contains("__inputs"),
            "{name} is an export, not a provisioned file"
        );
        let variables: BTreeMap<&str, &Value> =
            list(&dashboard["templating"], "list").iter().map(|variable| (text(variable, "name"), variable)).collect();
        for required in ["prometheus_datasource", "job", "instance"] {
            assert!(variables.contains_key(required), "{name} has no variable {required}");
        }
        for (variable, definition) in &variables {
            if text(definition, "type") == "datasource" {
                let default = text(&definition["current"], "value");
                assert_eq!(
                    provisioned.get(default).map(String::as_str),
                    definition["query"].as_str(),
                    "{name}: {variable}"
                );
            } else if text(definition, "type") != "textbox" {
                assert_eq!(definition["multi"], true, "{name}: {variable} takes one value only");
                assert_eq!(definition["includeAll"], true, "{name}: {variable} cannot be All");
            }
        }
    }
}

#[test]
fn every_panel_explains_itself() {
    for (name, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            let (id, kind, title) = (panel["id"].as_u64().unwrap(), text(panel, "type"), text(panel, "title"));
            let place = format!("{name}, panel {id} {title:?}");
            assert!(ids.insert(id), "{place}: id taken");
            assert!(!title.is_empty(), "{place}: no title");
            if kind == "row" {
                continue;
            }
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(PANEL_TYPES.contains(&kind), "{place}: {kind} is not a standard panel");
            assert!(text(panel, "description").ends_with('.'), "{place}: no description");
            assert!(!text(defaults, "unit").is_empty(), "{place}: no unit");
            assert!(!text(defaults, "noValue").is_empty(), "{place}: nothing is said when there is no data");
            for target in list(panel, "targets") {
                let source = if target["datasource"].is_null() { &panel["datasource"] } else { &target["datasource"] };
                let uid = text(source, "uid");
                let expected = ["${prometheus_datasource}", "${loki_datasource}"];
                assert!(expected.contains(&uid), "{place}: datasource {uid}");
                assert!(
                    kind == "table" || kind == "logs" || !text(target, "legendFormat").is_empty(),
                    "{place}: no legend"
                );
            }
        }
    }
}

/// A job's lines are found by the name under which it logs, which `app_info` has beside the job.
#[test]
fn log_panels_follow_the_service_chosen() {
    let mut seen = 0;
    for (name, dashboard) in dashboards() {
        let targets = panels(&dashboard).into_iter().flat_map(|panel| list(panel, "targets"));
        for target in targets.filter(|target| target["datasource"]["type"] == "loki") {
            seen += 1;
            let expr = text(target, "expr");
            // Another environment's lines can be in the same Loki.
            for variable in ["service", "environment"] {
                let narrowed = expr.contains(&format!("{variable}=~\"${variable}\""));
                assert!(narrowed, "{name}: {expr} is not narrowed to ${variable}");
                assert!(links::variables(&dashboard).contains(variable), "{name}: there is no variable {variable}");
            }
        }
        for label in ["service", "environment"] {
            let listed = queries_of(&name, &dashboard);
            let listed = listed.iter().find(|query| query.place.variable.as_deref() == Some(label));
            let Some(listed) = listed else { continue };
            let expected = format!("app_info{{job=~\"{VARIABLE}\", instance=~\"{VARIABLE}\"}}");
            assert_eq!((listed.expr(), listed.listed.as_deref()), (expected, Some(label)), "{name}");
        }
    }
    assert!(seen > 0, "no panel shows logs");
}

#[test]
fn panels_do_not_overlap() {
    for (name, dashboard) in dashboards() {
        let mut taken: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for panel in list(&dashboard, "panels") {
            let side = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            let id = panel["id"].as_u64().unwrap();
            assert!(
                side("w") > 0 && side("h") > 0 && side("x") + side("w") <= 24,
                "{name}: panel {id} leaves the grid"
            );
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    if let Some(other) = taken.insert((x, y), id) {
                        panic!("{name}: panels {other} and {id} overlap at {x}, {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_query_parses_and_is_narrowed_to_the_service_chosen() {
    let mut seen = 0;
    for query in queries() {
        for selector in selectors(&query.expr()).unwrap_or_else(|error| panic!("{}: {error}", query.place)) {
            seen += 1;
            let of_everything = WHOLE_STACK.contains(&query.place.dashboard.as_str())
                && OF_EVERY_TARGET.iter().any(|start| selector.metric.starts_with(start));
            let is_free = of_everything || UNSCOPED.iter().any(|(start, _)| selector.metric.starts_with(start));
            if query.scoped && !is_free {
                // What is recorded for a job has no instance.
                let is_of_job = selector.metric.starts_with("job") && selector.metric.contains(':');
                for variable in if is_of_job { &["job"][..] } else { &["job", "instance"] } {
                    let mut matchers = selector.matchers.iter().filter(|matcher| matcher.name == *variable);
                    let narrowed = matchers.any(|matcher| matcher.value.contains(VARIABLE));
                    assert!(narrowed, "{}: {} is not narrowed to ${variable}", query.place, selector.metric);
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} selectors read");
}

/// A fixed window shows gaps or smears as soon as someone zooms. `$__range` is for totals over what is on screen, of a query for
/// now or read once with `@ end()`.
#[test]
fn every_rate_follows_the_scrape_interval() {
    for query in queries().into_iter().filter(|query| query.scoped) {
        for selector in selectors(&query.expr()).unwrap() {
            let Some(range) = selector.range else { continue };
            let total = (query.instant || selector.at_end) && range == Duration::from_secs(RANGE_SECONDS);
            assert!(
                total || range == Duration::from_secs(RATE_INTERVAL_SECONDS),
                "{}: {} is rated over a fixed window",
                query.place,
                selector.metric
            );
        }
    }
}

#[test]
fn queries_allowed_to_be_empty_exist_and_give_a_reason() {
    let allowed = yaml("dashboards/allowed-empty.yml");
    let dashboards = dashboards();
    for (list_name, entries) in allowed.as_object().unwrap() {
        for entry in entries.as_array().unwrap() {
            let dashboard = &dashboards[text(entry, "dashboard")];
            let known = match entry.get("annotation") {
                Some(title) => {
                    list(&dashboard["annotations"], "list").iter().any(|annotation| annotation["name"] == *title)
                }
                None => panels(dashboard).iter().any(|panel| panel["id"] == entry["panel"]),
            };
            assert!(known, "{list_name}: {entry} names nothing that exists");
            assert!(text(entry, "reason").len() > 10, "{list_name}: {entry} gives no reason");
        }
    }
}

#[test]
fn every_rule_parses_and_reads_what_exists() {
    let recorded: BTreeSet<String> = rules().into_iter().filter_map(|rule| rule.recorded()).collect();
    let dashboards = queries().into_iter().map(|query| (query.place.to_string(), query.expr()));
    for (place, expr) in rules().into_iter().map(|rule| (rule.place.clone(), rule.expr())).chain(dashboards) {
        for metric in metric_names(&expr).unwrap_or_else(|error| panic!("{place}: {error}")) {
            assert!(!metric.contains(':') || recorded.contains(&metric), "{place}: nothing records {metric}");
        }
    }
}

/// Grafana logs an error at each start for a folder of provisioning that is missing.
#[test]
fn grafana_finds_its_folders_and_its_home() {
    let provisioning = "infra/monitoring/grafana/provisioning";
    for folder in ["alerting", "dashboards", "datasources", "plugins"] {
        let files = files(&format!("{provisioning}/{folder}"), "yml");
        assert!(!files.is_empty(), "git keeps no empty folder: {folder}");
        for file in files {
            assert_eq!(yaml(&file)["apiVersion"], 1, "{file}");
        }
    }
    let providers = yaml(&format!("{provisioning}/dashboards/dashboards.yml"));
    let provider = &list(&providers, "providers")[0];
    assert_eq!(provider["folderUid"], "belfry", "a folder without one gets another uid with each new volume");
    let compose = yaml("docker-compose.yml");
    let environment = &compose["services"]["grafana"]["environment"];
    let home = text(environment, "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH");
    let name = home.strip_prefix(text(&provider["options"], "path")).and_then(|name| name.strip_prefix('/'));
    let name = name.and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
    assert!(dashboards().contains_key(name), "{home} is no dashboard");
}

#[test]
fn grafana_and_prometheus_agree_and_no_address_is_fixed() {
    let prometheus = yaml("infra/monitoring/prometheus/prometheus.yml");
    let provisioned = yaml("infra/monitoring/grafana/provisioning/datasources/datasources.yml");
    let compose = yaml("docker-compose.yml");
    let grafana = &compose["services"]["grafana"];
    for datasource in list(&provisioned, "datasources") {
        let variable = text(datasource, "url").strip_prefix('$').expect("the address is a variable");
        assert!(grafana["environment"][variable].is_string(), "compose gives Grafana no {variable}");
        if datasource["type"] == "prometheus" {
            assert_eq!(datasource["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"]);
        }
    }
    assert!(!prometheus.to_string().contains("static_configs"), "addresses belong into targets/");
}
