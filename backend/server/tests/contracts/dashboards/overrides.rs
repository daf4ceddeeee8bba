//! What an override is for must be there: a series or a column of that name, and a property that Grafana has.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contracts::monitoring::contract::Contract;
use crate::contracts::monitoring::{Query, list, metric_names, text};

/// Properties that panels here override.
const PROPERTIES: [&str; 9] =
    ["color", "unit", "decimals", "thresholds", "mappings", "links", "noValue", "custom.cellOptions", "custom.width"];

/// Values of open labels that overrides name: statuses of HTTP.
const STATUSES: [&str; 6] = ["101", "200", "304", "404", "499", "503"];

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

pub(super) fn faults(panel: &Value, queries: &[&Query], contract: &Contract) -> Vec<String> {
    let mut faults = Vec::new();
    let names = names(panel, queries, contract);
    for rule in list(&panel["fieldConfig"], "overrides") {
        let (kind, wanted) = (text(&rule["matcher"], "id"), text(&rule["matcher"], "options"));
        let found = match kind {
            "byName" => names.contains(wanted),
            "byRegexp" => {
                let pattern = regex::Regex::new(wanted.trim_start_matches('/').trim_end_matches('/'));
                pattern.is_ok_and(|pattern| names.iter().any(|name| pattern.is_match(name)))
            }
            // Every table has numbers.
            "byType" => wanted == "number" && text(panel, "type") == "table",
            other => {
                faults.push(format!("an override by {other:?}, which no test reads"));
                continue;
            }
        };
        if !found {
            faults.push(format!("the override of {wanted:?} is for nothing; there are {names:?}"));
        }
        for property in list(rule, "properties") {
            let id = text(property, "id");
            if !PROPERTIES.contains(&id) || property["value"].is_null() {
                faults.push(format!("the override of {wanted:?} sets {id:?} to {}", property["value"]));
            }
        }
    }
    faults
}

/// What the series or columns of a panel can be called.
fn names(panel: &Value, queries: &[&Query], contract: &Contract) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if text(panel, "type") == "table" {
        for transformation in list(panel, "transformations") {
            let options = &transformation["options"];
            let columns = options["indexByName"].as_object().into_iter().flatten().map(|(column, _)| column);
            let shown = columns.map(|column| options["renameByName"][column].as_str().unwrap_or(column));
            names.extend(shown.map(str::to_owned));
        }
        return names;
    }
    // Of Loki, the levels of lines.
    if list(panel, "targets").iter().any(|target| target["datasource"]["type"] == "loki") {
        names.extend(LEVELS.map(str::to_owned));
    }
    for query in queries {
        let labels = contract.evaluate(&query.expr()).0.and_then(|series| series.labels).unwrap_or_default();
        let mut of_query = BTreeSet::from([query.legend.clone()]);
        for (label, values) in labels {
            let place = format!("{{{{{label}}}}}");
            let values: Vec<String> = match (&values, label.as_str()) {
                (Some(values), _) => values.iter().cloned().collect(),
                // Of HTTP, or of an enum of its own.
                (None, "status" | "code" | "status_code") if known_values(contract, query, &label).next().is_none() => {
                    STATUSES.map(str::to_owned).to_vec()
                }
                // Something else can be put in its place, such as `none`.
                (None, label) => known_values(contract, query, label).chain(["none".to_owned()]).collect(),
            };
            of_query = of_query
                .into_iter()
                .flat_map(|name| {
                    let with = |value: &String| name.replace(&place, value);
                    if name.contains(&place) { values.iter().map(with).collect() } else { vec![name.clone()] }
                })
                .collect();
        }
        names.extend(of_query);
    }
    names
}

/// The values that the catalogue lists of a label of the query's metrics.
fn known_values(contract: &Contract, query: &Query, label: &str) -> impl Iterator<Item = String> {
    let metrics = metric_names(&query.expr()).unwrap_or_default();
    let of_metric = |name: &String| contract.behind(name)?.1.labels.get(label)?.clone();
    metrics.iter().filter_map(of_metric).flatten().collect::<BTreeSet<_>>().into_iter()
}
