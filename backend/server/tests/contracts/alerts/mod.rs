//! Alerts: what each must say, that each is tested just before and just after it fires, that the runbook has its section, and where
//! Alertmanager sends and mutes it.

mod drilled;
mod routing;
mod runbook;
mod tested;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::contracts::monitoring::{Rule, dashboards, files, read, rules, text};

const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];
/// They fire by design, and not about anything.
const ABOUT_NOTHING: [&str; 2] = ["AlertDeliveryCanary", "Watchdog"];
const RULES: &str = "infra/monitoring/prometheus/rules";

/// The least number of alerts: a parser that finds none would let every test below pass.
const LEAST_ALERTS: usize = 60;

/// Alerts by name. Those of an error budget have one name and a tier each; the last of them stands for all.
fn alerts() -> BTreeMap<String, Rule> {
    let alerts = rules().into_iter().filter_map(|rule| Some((rule.body["alert"].as_str()?.to_owned(), rule)));
    let mut by_name: BTreeMap<String, Rule> = BTreeMap::new();
    for (name, rule) in alerts {
        let tier = rule.body["labels"]["burn_tier"].clone();
        if let Some(other) = by_name.insert(name.clone(), rule) {
            let of_other = &other.body["labels"]["burn_tier"];
            assert!(tier.is_string() && of_other.is_string() && tier != *of_other, "{name} is there twice");
        }
    }
    assert!(by_name.len() >= LEAST_ALERTS, "only {} alerts were found", by_name.len());
    by_name
}

/// Whether the word is written `LikeThis`: upper case begins every part, and each part has lower case after it.
fn is_camel_case(word: &str) -> bool {
    let starts: Vec<usize> = word.match_indices(|c: char| c.is_ascii_uppercase()).map(|(at, _)| at).collect();
    word.chars().all(|c| c.is_ascii_alphanumeric())
        && starts.first() == Some(&0)
        && starts.windows(2).all(|pair| pair[1] > pair[0] + 1)
        && !word.ends_with(|c: char| c.is_ascii_uppercase())
}

#[test]
fn every_alert_says_what_it_must() {
    let dashboards = dashboards();
    let uids: BTreeSet<&str> = dashboards.values().map(|dashboard| text(dashboard, "uid")).collect();
    let mut faults = Vec::new();
    for (name, Rule { place, body }) in alerts() {
        let mut fault = |what: String| faults.push(format!("{place}: {what}"));
        if !is_camel_case(&name) {
            fault("the name is not in CamelCase".to_owned());
        }
        let severity = text(&body["labels"], "severity");
        if !SEVERITIES.contains(&severity) {
            fault(format!("severity is {severity:?}, not one of {SEVERITIES:?}"));
        }
        // An alert whose labels change with its value is another alert each time.
        if body["labels"].to_string().contains("$value") {
            fault("a label has the value in it".to_owned());
        }
        let annotations = &body["annotations"];
        let names: Vec<&String> = annotations.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        if names != ["summary", "description", "runbook_url", "dashboard_url"] && names.len() != 4 {
            fault(format!("the annotations are {names:?}"));
        }
        let summary = text(annotations, "summary");
        if summary.is_empty() || summary.contains("{{") {
            fault("the summary is no fixed text".to_owned());
        }
        let description = text(annotations, "description");
        if description.is_empty() || (!description.contains("{{") && !ABOUT_NOTHING.contains(&name.as_str())) {
            fault("the description does not say of what".to_owned());
        }
        let runbook = format!("docs/runbook.md#{}", name.to_lowercase());
        if text(annotations, "runbook_url") != runbook {
            fault(format!("runbook_url is not {runbook}"));
        }
        let dashboard = text(annotations, "dashboard_url");
        let uid = dashboard.strip_prefix("/d/").and_then(|rest| rest.split('?').next()).unwrap_or_default();
        if !uids.contains(uid) {
            fault(format!("dashboard_url leads to {dashboard}, which is no dashboard"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn recorded_names_say_level_metric_and_operation() {
    let names: Vec<String> = rules().iter().filter_map(Rule::recorded).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let parts: Vec<&str> = name.split(':').collect();
        let is_named = parts.len() == 3 && parts.iter().all(|part| !part.is_empty());
        assert!(is_named, "{name} is not named level:metric:operations");
    }
}

#[test]
fn no_file_of_rules_is_too_long_to_read() {
    // Written by `belfry slo rules`.
    for file in files(RULES, "yml").into_iter().filter(|file| !file.ends_with("/slo.yml")) {
        let lines = read(&file).lines().count();
        assert!(lines <= 300, "{file} has {lines} lines");
    }
}

/// The words of a text that look like the name of an alert.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| is_camel_case(word) && word.matches(|c: char| c.is_ascii_uppercase()).count() >= 2).collect()
}

/// Names of products that look like those of alerts.
const PRODUCTS: [&str; 2] = ["ResizeObserver", "DogStatsD"];

#[test]
fn dashboards_name_only_alerts_that_exist() {
    let alerts = alerts();
    let mut seen = 0;
    for (uid, dashboard) in dashboards() {
        for text in texts(&dashboard) {
            for name in names_in(&text) {
                assert!(alerts.contains_key(name) || PRODUCTS.contains(&name), "{uid} names {name}, which is no alert");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} names were found");
}

/// Titles and descriptions of a dashboard.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(text) if key == "title" || key == "description" => vec![text.clone()],
                _ => texts(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
