//! docs/runbook.md has a section for each alert, and each has the same parts.

use std::collections::{BTreeMap, BTreeSet};

use super::alerts;
use crate::contracts::monitoring::{Rule, dashboards, list, panels, read, text};

/// Alert -> its section.
fn sections(page: &str) -> BTreeMap<&str, &str> {
    let sections = page.split("\n### ").skip(1).filter_map(|section| section.split_once('\n'));
    sections.map(|(heading, body)| (heading.trim(), body.split("\n## ").next().unwrap_or_default())).collect()
}

/// Path of each panel -> its title.
fn panel_titles() -> BTreeMap<String, String> {
    let mut titles = BTreeMap::new();
    for dashboard in dashboards().values() {
        let all = list(dashboard, "panels").iter().flat_map(|panel| std::iter::once(panel).chain(panels(panel)));
        for panel in all {
            let path = format!("/d/{}?viewPanel={}", text(dashboard, "uid"), panel["id"]);
            titles.insert(path, text(panel, "title").to_owned());
        }
    }
    titles
}

/// What a section lacks.
fn lacks(section: &str, severity: &str, panels: &BTreeMap<String, String>) -> Vec<String> {
    let mut lacks = Vec::new();
    let (first, rest) = severity.split_at(1);
    let severity = format!("{}{rest}. ", first.to_uppercase());
    if !section.trim_start().starts_with(&severity) {
        lacks.push(format!("it does not begin with {severity:?}"));
    }
    for part in ["\n1. ", "\n2. ", "\n3. ", "\nTo fix: ", "\nTo stop the alert: "] {
        if !section.contains(part) {
            lacks.push(format!("there is no {part:?}"));
        }
    }
    let shown = section.lines().find_map(|line| {
        let (title, rest) = line.strip_prefix("Panel: *")?.split_once("*, `")?;
        let (path, log) = rest.split_once("`. Log: `")?;
        Some((title, path, log))
    });
    match shown {
        None => lacks.push("there is no line with a panel and a log".to_owned()),
        Some((title, path, _)) if panels.get(path).map(String::as_str) != Some(title) => {
            lacks.push(format!("{path} is {:?}, not {title:?}", panels.get(path)));
        }
        Some(_) => {}
    }
    lacks
}

#[test]
fn every_alert_has_a_section_with_all_its_parts() {
    let (page, alerts, panels) = (read("docs/runbook.md"), alerts(), panel_titles());
    let sections = sections(&page);
    let mut faults = Vec::new();
    for (name, Rule { body, .. }) in &alerts {
        match sections.get(name.as_str()) {
            None => faults.push(format!("docs/runbook.md has no section {name}")),
            Some(section) => {
                let severity = text(&body["labels"], "severity");
                faults.extend(lacks(section, severity, &panels).iter().map(|lack| format!("{name}: {lack}")));
            }
        }
    }
    let gone: BTreeSet<&&str> = sections.keys().filter(|name| !alerts.contains_key(**name)).collect();
    assert!(faults.is_empty() && gone.is_empty(), "{}\nno alerts: {gone:?}", faults.join("\n"));
}

#[test]
fn a_section_without_one_of_its_parts_is_found() {
    let panels = BTreeMap::from([("/d/http?viewPanel=1".to_owned(), "Errors".to_owned())]);
    let whole = "\nInfo. It is so.\n\n1. a\n2. b\n3. c\n\nPanel: *Errors*, `/d/http?viewPanel=1`. Log: `logs`\n\n\
        To fix: d\n\nTo stop the alert: e\n";
    assert!(lacks(whole, "info", &panels).is_empty());
    for part in ["Info. ", "2. b", "*Errors*", "viewPanel=1", "Log: ", "To fix: ", "To stop the alert: "] {
        assert_eq!(lacks(&whole.replace(part, "x"), "info", &panels).len(), 1, "{part}");
    }
    assert_eq!(lacks(whole, "critical", &panels).len(), 1);
}
