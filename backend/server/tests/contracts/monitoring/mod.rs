//! Reads dashboards, rules and provisioning files; what their expressions say is checked in `contract`.

pub(crate) mod contract;
mod foreign;
mod promql;
mod queries;
mod range;
mod series;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) use promql::{metric_names, selectors};
pub(crate) use queries::{
    Place, Query, RANGE_SECONDS, RATE_INTERVAL_SECONDS, VARIABLE, panels, queries, queries_of, without_variables,
};

/// One recording or alerting rule.
pub(crate) struct Rule {
    pub(crate) place: String,
    pub(crate) body: Value,
}

impl Rule {
    pub(crate) fn expr(&self) -> String {
        text(&self.body, "expr").to_owned()
    }

    pub(crate) fn recorded(&self) -> Option<String> {
        self.body["record"].as_str().map(str::to_owned)
    }
}

/// Every rule of every file, recording rules included.
pub(crate) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for file in files("infra/monitoring/prometheus/rules", "yml") {
        for group in list(&yaml(&file), "groups") {
            for body in list(group, "rules") {
                let name = body["alert"].as_str().or(body["record"].as_str()).unwrap_or_default();
                rules.push(Rule { place: format!("{file}, {name}"), body: body.clone() });
            }
        }
    }
    rules
}

/// Dashboards by file name without its ending.
pub(crate) fn dashboards() -> BTreeMap<String, Value> {
    let dashboards: BTreeMap<String, Value> = files("dashboards", "json")
        .into_iter()
        .map(|file| {
            let stem = Path::new(&file).file_stem().unwrap().to_string_lossy().into_owned();
            (stem, serde_json::from_str(&read(&file)).unwrap_or_else(|error| panic!("{file}: {error}")))
        })
        .collect();
    assert!(!dashboards.is_empty(), "no dashboards found");
    dashboards
}

/// Provisioned datasources: uid to type.
pub(crate) fn datasources() -> BTreeMap<String, String> {
    let file = yaml("infra/monitoring/grafana/provisioning/datasources/datasources.yml");
    list(&file, "datasources")
        .iter()
        .map(|entry| (text(entry, "uid").to_owned(), text(entry, "type").to_owned()))
        .collect()
}

/// Files of a folder of the project with this ending, sorted, as paths from the project's root.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .map(|path| format!("{folder}/{}", path.file_name().unwrap().to_string_lossy()))
        .collect();
    files.sort();
    files
}

pub(crate) fn yaml(file: &str) -> Value {
    yaml_serde::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub(crate) fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A string field, or the empty string.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A list field, or the empty list.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
