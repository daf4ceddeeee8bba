//! Links lead to dashboards that there are, and carry only what can be known where they stand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::contracts::monitoring::contract::Contract;
use crate::contracts::monitoring::{Query, list, text};

/// The time range, as `from=now-1h&to=now` where it is relative: what it leads to goes on with the time.
const TIME_RANGE: &str = "__url_time_range";

/// What Grafana fills in wherever a link stands.
const ALWAYS: [&str; 3] = [TIME_RANGE, "__value.raw", "__value.time"];

pub(super) fn variables(dashboard: &Value) -> BTreeSet<&str> {
    list(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name")).collect()
}

/// Every link of a panel, those of overrides included.
fn links_of(panel: &Value) -> Vec<&Value> {
    let own = list(&panel["fieldConfig"]["defaults"], "links").iter();
    let overrides = list(&panel["fieldConfig"], "overrides").iter().flat_map(|rule| list(rule, "properties"));
    let overridden =
        overrides.filter(|property| property["id"] == "links").flat_map(|property| list(property, "value"));
    own.chain(overridden).chain(list(panel, "links")).collect()
}

pub(super) fn faults(
    panel: &Value,
    dashboard: &Value,
    queries: &[&Query],
    contract: &Contract,
    dashboards: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for link in links_of(panel) {
        let (title, url) = (text(link, "title"), text(link, "url"));
        let mut fault = |what: String| faults.push(format!("the link {title:?} {what}"));
        if title.is_empty() {
            fault("has no title".to_owned());
        }
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let Some(target) = path.strip_prefix("/d/").and_then(|uid| dashboards.get(uid)) else {
            fault(format!("leads to {path}, which is no dashboard of these"));
            continue;
        };
        let there = variables(target);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let carried = part.strip_prefix("${").and_then(|rest| rest.strip_suffix(":queryparam}"));
            let named = part.strip_prefix("var-").and_then(|rest| rest.split_once('=')).map(|(name, _)| name);
            for name in carried.iter().chain(&named) {
                if !there.contains(name) {
                    fault(format!("sets the variable {name}, which {path} does not have"));
                }
            }
            // Grafana's: the range around a time, as long as the window in milliseconds.
            let is_around = part == "time=${__value.time}"
                || part.strip_prefix("time.window=").is_some_and(|window| window.parse::<u32>().is_ok());
            let is_time =
                is_around || part.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) == Some(TIME_RANGE);
            if carried.is_none() && named.is_none() && !is_time {
                fault(format!("carries {part}, which no dashboard reads"));
            }
        }
        for used in between(url) {
            let name = used.split(':').next().unwrap_or_default();
            let label = name.strip_prefix("__field.labels.");
            let known = match label {
                // Each query of the panel has series with that label.
                Some(label) => queries.iter().all(|query| has_label(contract, query, label)),
                None => ALWAYS.contains(&name) || variables(dashboard).contains(name),
            };
            if !known {
                fault(format!("uses ${{{used}}}, which is not known there"));
            }
        }
    }
    faults
}

fn has_label(contract: &Contract, query: &Query, label: &str) -> bool {
    let labels = contract.evaluate(&query.expr()).0.and_then(|series| series.labels);
    labels.is_some_and(|labels| labels.contains_key(label))
}

fn between(url: &str) -> Vec<&str> {
    url.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(inside, _)| inside).collect()
}
