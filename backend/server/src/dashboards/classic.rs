//! The classic schema, which file provisioning reads: from what Grafana exports to what the repository has.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use serde_json::{Map, Value, json};

use super::defaults::{Part, drop_defaults};
use super::{list_of, name_of, text_of};

/// The oldest schema whose panels have places of their own on the grid.
const OLDEST_SCHEMA: u64 = 16;

/// A dashboard without what an API or an exporter puts around it.
///
/// # Errors
/// If it is no dashboard.
pub(super) fn unwrapped(export: Value) -> anyhow::Result<Value> {
    let Value::Object(mut map) = export else {
        bail!("found no JSON object, expected a dashboard exported from Grafana")
    };
    // The API's `{dashboard, meta}`, and the resource of the newer API with a classic dashboard in it.
    for inner in ["dashboard", "spec"] {
        if map.get(inner).is_some_and(Value::is_object) && !map.contains_key("panels") {
            return unwrapped(map.remove(inner).unwrap_or_default());
        }
    }
    let keys: Vec<&str> = map.keys().map(String::as_str).take(6).collect();
    if map.contains_key("rows") && !map.contains_key("panels") {
        bail!(
            "found a dashboard with `rows`, of a schema before {OLDEST_SCHEMA}, expected `panels`: save it once in Grafana"
        );
    }
    if !map.get("panels").is_some_and(Value::is_array) || !map.get("title").is_some_and(Value::is_string) {
        bail!(
            "found an object with the keys {keys:?}, expected a dashboard with `title` and `panels`, or with `elements` and `layout`"
        );
    }
    if let Some(version) = map.get("schemaVersion").and_then(Value::as_u64).filter(|version| *version < OLDEST_SCHEMA) {
        bail!("found schemaVersion {version}, expected {OLDEST_SCHEMA} or newer: save it once in Grafana");
    }
    Ok(Value::Object(map))
}

/// What a dashboard says, without what Grafana adds; `lost` gets what is not in it.
///
/// Values that somebody had chosen in the variables are those of `before`: they belong to who exported it.
pub(super) fn stable(
    dashboard: Value,
    uid: &str,
    before: Option<&Value>,
    lost: &mut Vec<String>,
) -> anyhow::Result<Value> {
    let dashboard = with_our_sources(dashboard, lost)?;
    let Value::Object(mut map) = dashboard else { bail!("found no JSON object, expected a dashboard") };
    if map.get("__elements").and_then(Value::as_object).is_some_and(|elements| !elements.is_empty()) {
        lost.push("`__elements`: the library panels that the export brings along".to_owned());
    }
    drop_defaults(&mut map, Part::Dashboard, "");
    map.insert("uid".to_owned(), uid.into());
    each(&mut map, "links", |link| drop_defaults_of(link, Part::DashboardLink));
    if let Some(Value::Object(annotations)) = map.get_mut("annotations") {
        each(annotations, "list", |annotation| drop_defaults_of(annotation, Part::Annotation));
    }
    if let Some(Value::Object(templating)) = map.get_mut("templating") {
        each(templating, "list", |variable| stable_variable(variable, before));
    }
    let panels = map.remove("panels").and_then(|panels| panels.as_array().cloned()).unwrap_or_default();
    let mut panels: Vec<Value> = panels.into_iter().filter_map(|panel| stable_panel(panel, lost)).collect();
    set_missing_ids(&mut panels, lost);
    map.insert("panels".to_owned(), panels.into());
    Ok(Value::Object(map))
}

/// The inputs of an export for sharing stand for datasources; here they are variables.
fn with_our_sources(dashboard: Value, lost: &mut Vec<String>) -> anyhow::Result<Value> {
    let mut text = dashboard.to_string();
    for input in list_of(&dashboard, "__inputs") {
        let (name, kind) = (text_of(input, "name"), text_of(input, "pluginId"));
        let variables = list_of(&dashboard["templating"], "list").iter();
        let variable = variables
            .filter(|variable| {
                variable["type"] == "datasource" && text_of(variable, "query") == kind && !kind.is_empty()
            })
            .map(|variable| text_of(variable, "name"))
            .next();
        match (variable, text_of(input, "type")) {
            (Some(variable), "datasource") => text = text.replace(&format!("${{{name}}}"), &format!("${{{variable}}}")),
            (None, "constant") => {
                let value = Value::from(text_of(input, "value")).to_string();
                text = text.replace(&format!("${{{name}}}"), value.trim_matches('"'));
            }
            _ => lost.push(format!("the input {name} of {kind:?}: no variable of the dashboard is of this datasource")),
        }
    }
    Ok(serde_json::from_str(&text)?)
}

fn stable_variable(variable: &mut Map<String, Value>, before: Option<&Value>) {
    drop_defaults_of(variable, Part::Variable);
    let name = variable.get("name").cloned().unwrap_or_default();
    let known = before.map(|before| list_of(&before["templating"], "list")).unwrap_or_default();
    let known = known.iter().find(|known| known["name"] == name).and_then(|known| known.get("current"));
    if let Some(current) = known {
        variable.insert("current".to_owned(), current.clone());
    } else if let Some(Value::Object(current)) = variable.get_mut("current") {
        current.remove("selected");
    }
}

/// None for a panel whose definition is not in the export.
fn stable_panel(panel: Value, lost: &mut Vec<String>) -> Option<Value> {
    if let Some(library) = panel.get("libraryPanel").filter(|library| library.is_object()) {
        let name = text_of(library, "name");
        if panel["options"].is_null() && panel["targets"].is_null() {
            lost.push(format!(
                "{}: the library panel {name:?} is in Grafana's database only; unlink it there",
                name_of(&panel)
            ));
            return None;
        }
        lost.push(format!("{}: its link to the library panel {name:?}; its contents are here", name_of(&panel)));
    }
    if !panel["alert"].is_null() {
        lost.push(format!("{}: an alert within the panel; alerts are rules of Prometheus here", name_of(&panel)));
    }
    let Value::Object(mut map) = panel else { return None };
    for gone in ["libraryPanel", "alert"] {
        map.remove(gone);
    }
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    drop_defaults(&mut map, Part::Panel, &kind);
    let source = map.get("datasource").cloned();
    each(&mut map, "targets", |target| {
        drop_defaults(target, Part::Target, &kind);
        if let (None | Some(Value::Null), Some(source)) = (target.get("datasource"), &source) {
            target.insert("datasource".to_owned(), source.clone());
        }
    });
    if let Some(Value::Object(config)) = map.get_mut("fieldConfig") {
        if let Some(Value::Object(defaults)) = config.get_mut("defaults") {
            if let Some(Value::Object(custom)) = defaults.get_mut("custom") {
                drop_defaults(custom, Part::Custom, &kind);
                if let Some(Value::Object(cells)) = custom.get_mut("cellOptions") {
                    drop_defaults(cells, Part::CellOptions, &kind);
                }
            }
            drop_defaults(defaults, Part::FieldDefaults, &kind);
            set_lowest_step(defaults);
        }
        each(config, "overrides", |rule| {
            rule.remove("__systemRef");
        });
    }
    if let Some(Value::Object(options)) = map.get_mut("options") {
        drop_defaults(options, Part::Options, &kind);
        for (key, part) in [("tooltip", Part::Tooltip), ("legend", Part::Legend)] {
            if let Some(Value::Object(inner)) = options.get_mut(key) {
                drop_defaults(inner, part, &kind);
            }
        }
        if let Some(Value::Object(axis)) = options.get_mut("yAxis") {
            axis.retain(|key, value| !(key == "reverse" && *value == json!(false)));
        }
    }
    if kind == "row" {
        let inner = map.remove("panels").and_then(|inner| inner.as_array().cloned()).unwrap_or_default();
        let inner: Vec<Value> = inner.into_iter().filter_map(|panel| stable_panel(panel, lost)).collect();
        map.insert("panels".to_owned(), inner.into());
        map.entry("collapsed").or_insert(json!(false));
    }
    Some(Value::Object(map))
}

/// The lowest step of thresholds begins below everything, whatever is written there: exports have null, nothing, or 0.
fn set_lowest_step(defaults: &mut Map<String, Value>) {
    let steps =
        defaults.get_mut("thresholds").and_then(|thresholds| thresholds.get_mut("steps")).and_then(Value::as_array_mut);
    if let Some(Value::Object(lowest)) = steps.and_then(|steps| steps.first_mut()) {
        lowest.insert("value".to_owned(), Value::Null);
    }
}

/// Ids are what links and the list of allowed empty panels go by: those that there are stay.
fn set_missing_ids(panels: &mut [Value], lost: &mut Vec<String>) {
    let all = |panels: &[Value]| -> Vec<u64> {
        panels
            .iter()
            .flat_map(|panel| std::iter::once(panel).chain(list_of(panel, "panels")))
            .filter_map(|panel| panel["id"].as_u64())
            .collect()
    };
    let mut next = all(panels).into_iter().max().unwrap_or(0) + 1;
    let mut taken = BTreeSet::new();
    let mut set = |panel: &mut Value, lost: &mut Vec<String>| {
        let id = panel["id"].as_u64().filter(|id| taken.insert(*id));
        if id.is_none() {
            if panel["id"].is_u64() {
                lost.push(format!("{}: its id, which another panel has; it is now {next}", name_of(panel)));
            }
            panel["id"] = next.into();
            taken.insert(next);
            next += 1;
        }
    };
    for panel in panels {
        set(panel, lost);
        if let Some(Value::Array(inner)) = panel.get_mut("panels") {
            inner.iter_mut().for_each(|panel| set(panel, lost));
        }
    }
}

fn drop_defaults_of(map: &mut Map<String, Value>, part: Part) {
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    drop_defaults(map, part, &kind);
}

/// Changes each object of a list.
fn each(map: &mut Map<String, Value>, key: &str, mut change: impl FnMut(&mut Map<String, Value>)) {
    let entries = map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten();
    entries.filter_map(Value::as_object_mut).for_each(&mut change);
}

/// The ids of the rows of a dashboard by their titles, for a schema whose rows have none.
pub(super) fn row_ids(dashboard: &Value) -> BTreeMap<String, u64> {
    let rows = list_of(dashboard, "panels").iter().filter(|panel| panel["type"] == "row");
    rows.filter_map(|row| Some((text_of(row, "title").to_owned(), row["id"].as_u64()?))).collect()
}
