//! The schema V2 (`dashboard.grafana.app/v2...`), which Grafana's editor exports and its file provisioning refuses, as the classic
//! one. After the types that `@grafana/schema` publishes as `schema/dashboard/v2` and `v2beta1`.

mod layout;

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Map, Value, json};

use super::{list_of, text_of};

/// The schema of classic dashboards that is written.
const SCHEMA_VERSION: u64 = 42;

/// The specification within an export of this schema, with or without the resource around it.
pub(super) fn spec(export: &Value) -> Option<&Value> {
    [export, &export["spec"], &export["dashboard"]]
        .into_iter()
        .find(|spec| spec["elements"].is_object() && spec["layout"].is_object())
}

/// A classic dashboard of a specification; `lost` gets what that cannot say.
///
/// # Errors
/// If a part is of a kind that the schema does not have.
pub(super) fn to_classic(spec: &Value, before: Option<&Value>, lost: &mut Vec<String>) -> anyhow::Result<Value> {
    let time = &spec["timeSettings"];
    let mut dashboard = json!({
        "title": spec["title"],
        "tags": spec["tags"],
        "schemaVersion": before.and_then(|before| before["schemaVersion"].as_u64()).unwrap_or(SCHEMA_VERSION),
        "editable": spec["editable"].as_bool().unwrap_or(true),
        "graphTooltip": match text_of(spec, "cursorSync") { "Crosshair" => 1, "Tooltip" => 2, _ => 0 },
        "time": {"from": time["from"], "to": time["to"]},
        "refresh": time["autoRefresh"],
        "timepicker": {"refresh_intervals": time["autoRefreshIntervals"]},
        "links": spec["links"],
    });
    for (from, to) in
        [("timezone", "timezone"), ("weekStart", "weekStart"), ("fiscalYearStartMonth", "fiscalYearStartMonth")]
    {
        copy(&time[from], &mut dashboard, to);
    }
    for (from, to) in [("hideTimepicker", "hidden"), ("nowDelay", "nowDelay"), ("quickRanges", "quick_ranges")] {
        if time[from] != json!(false) {
            copy(&time[from], &mut dashboard["timepicker"], to);
        }
    }
    for key in ["description", "liveNow", "preload"] {
        copy(&spec[key], &mut dashboard, key);
    }
    let annotations: Vec<Value> =
        list_of(spec, "annotations").iter().map(|one| annotation(&one["spec"], lost)).collect();
    dashboard["annotations"] = json!({ "list": annotations });
    let variables = list_of(spec, "variables").iter().filter_map(|one| variable(one, lost));
    dashboard["templating"] = json!({ "list": variables.collect::<Vec<_>>() });
    dashboard["panels"] = layout::panels(spec, before, lost)?.into();
    let sources = sources(spec);
    set_missing_sources(&mut dashboard, &sources, lost);
    Ok(dashboard)
}

/// The datasource that stands for each plugin: the dashboard's variable of it, or Grafana's own.
fn sources(spec: &Value) -> BTreeMap<String, String> {
    let variables = list_of(spec, "variables").iter().filter(|variable| variable["kind"] == "DatasourceVariable");
    let of_plugins = variables
        .map(|variable| &variable["spec"])
        .map(|spec| (text_of(spec, "pluginId").to_owned(), format!("${{{}}}", text_of(spec, "name"))));
    // The first variable of a plugin counts.
    let mut all: Vec<(String, String)> = of_plugins.collect();
    all.reverse();
    all.into_iter().chain([("grafana".to_owned(), "-- Grafana --".to_owned())]).collect()
}

/// An export for sharing leaves out which datasource it was, and names the plugin alone.
fn set_missing_sources(value: &mut Value, sources: &BTreeMap<String, String>, lost: &mut Vec<String>) {
    if let Some(source) =
        value.get_mut("datasource").filter(|source| source["type"].is_string() && source["uid"].is_null())
    {
        match sources.get(text_of(source, "type")) {
            Some(uid) => source["uid"] = uid.as_str().into(),
            None => {
                let what = format!("a datasource: no variable of the dashboard is of the kind {}", source["type"]);
                if !lost.contains(&what) {
                    lost.push(what);
                }
            }
        }
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| set_missing_sources(value, sources, lost)),
        Value::Array(list) => list.iter_mut().for_each(|value| set_missing_sources(value, sources, lost)),
        _ => {}
    }
}

/// The panel of an element, without its place.
fn panel(spec: &Value, lost: &mut Vec<String>) -> Value {
    let (config, data) = (&spec["vizConfig"], &spec["data"]["spec"]);
    // Before v2beta1 the plugin is the kind.
    let plugin = if config["group"].is_string() { text_of(config, "group") } else { text_of(config, "kind") };
    let mut panel = json!({
        "id": spec["id"],
        "type": plugin,
        "title": spec["title"],
        "fieldConfig": config["spec"]["fieldConfig"],
        "options": config["spec"]["options"],
    });
    for key in ["description", "links", "transparent"] {
        copy(&spec[key], &mut panel, key);
    }
    if !text_of(spec, "subtitle").is_empty() {
        lost.push(format!("panel {} {}: its subtitle", spec["id"], spec["title"]));
    }
    let targets: Vec<Value> = list_of(data, "queries").iter().map(|query| target(&query["spec"])).collect();
    if let Some(first) = targets.first() {
        // A panel has the datasource of its queries, or is mixed.
        let same = targets.iter().all(|target| target["datasource"] == first["datasource"]);
        let mixed = json!({"type": "datasource", "uid": "-- Mixed --"});
        panel["datasource"] = if same { first["datasource"].clone() } else { mixed };
        panel["targets"] = targets.into();
    }
    let transformations: Vec<Value> = list_of(data, "transformations").iter().map(transformation).collect();
    panel["transformations"] = transformations.into();
    for (key, value) in data["queryOptions"].as_object().into_iter().flatten() {
        copy(value, &mut panel, key);
    }
    panel
}

fn target(spec: &Value) -> Value {
    let mut target = query(spec);
    target["refId"] = spec["refId"].clone();
    if spec["hidden"] == true {
        target["hide"] = true.into();
    }
    target
}

/// What a query says, with its datasource as the classic schema names it.
fn query(spec: &Value) -> Value {
    let query = &spec["query"];
    let mut fields = query["spec"].as_object().cloned().unwrap_or_default();
    // Before v2beta1 the plugin is the kind, and the datasource stands beside the query.
    let plugin = if query["group"].is_string() { text_of(query, "group") } else { text_of(query, "kind") };
    let uid = query["datasource"]["name"].as_str().or_else(|| spec["datasource"]["uid"].as_str());
    if let Some(uid) = uid {
        fields.insert("datasource".to_owned(), json!({"type": plugin, "uid": uid}));
    } else if !plugin.is_empty() {
        fields.insert("datasource".to_owned(), json!({ "type": plugin }));
    }
    Value::Object(fields)
}

fn transformation(transformation: &Value) -> Value {
    // Before v2 the kind is the id, which stands in the specification too.
    let id = if transformation["group"].is_string() {
        text_of(transformation, "group")
    } else {
        text_of(transformation, "kind")
    };
    let mut classic = transformation["spec"].clone();
    classic["id"] = id.into();
    if classic["disabled"] == false
        && let Some(map) = classic.as_object_mut()
    {
        map.remove("disabled");
    }
    classic
}

fn annotation(spec: &Value, lost: &mut Vec<String>) -> Value {
    let mut annotation = query(spec);
    for (key, value) in spec["legacyOptions"].as_object().into_iter().flatten() {
        copy(value, &mut annotation, key);
    }
    for key in ["name", "enable", "hide", "iconColor", "filter", "placement", "mappings"] {
        copy(&spec[key], &mut annotation, key);
    }
    if spec["builtIn"] == true {
        annotation["builtIn"] = 1.into();
        annotation["type"] = "dashboard".into();
    }
    if !spec["mappings"].is_null() {
        lost.push(format!("annotation {}: its mappings are kept as they are, and may have other names", spec["name"]));
    }
    annotation
}

/// A variable; none for a kind that the classic schema lacks.
fn variable(variable: &Value, lost: &mut Vec<String>) -> Option<Value> {
    let (kind, spec) = (text_of(variable, "kind"), &variable["spec"]);
    let classic = match kind {
        "QueryVariable" => "query",
        "TextVariable" => "textbox",
        "ConstantVariable" => "constant",
        "DatasourceVariable" => "datasource",
        "IntervalVariable" => "interval",
        "CustomVariable" => "custom",
        "AdhocVariable" => "adhoc",
        "GroupByVariable" => "groupby",
        other => {
            lost.push(format!("variable {}: a {other}, which the classic schema does not have", spec["name"]));
            return None;
        }
    };
    let mut fields: Map<String, Value> = spec.as_object().cloned().unwrap_or_default();
    fields.insert("type".to_owned(), classic.into());
    let position = |words: &[&str], key: &str| words.iter().position(|word| *word == text_of(spec, key)).unwrap_or(0);
    fields.insert("hide".to_owned(), position(&HIDDEN, "hide").into());
    if spec["sort"].is_string() {
        fields.insert("sort".to_owned(), position(&SORTED, "sort").into());
    }
    if spec["refresh"].is_string() {
        fields.insert("refresh".to_owned(), position(&REFRESHED, "refresh").into());
    }
    match kind {
        "QueryVariable" => {
            let Value::Object(mut asked) = query(spec) else { return None };
            if let Some(source) = asked.remove("datasource") {
                fields.insert("datasource".to_owned(), source);
            }
            // A query that was a text is one again.
            let text = asked.remove("__legacyStringValue");
            fields.insert("query".to_owned(), text.unwrap_or(Value::Object(asked)));
        }
        "DatasourceVariable" => {
            let plugin = fields.remove("pluginId").unwrap_or_default();
            fields.insert("query".to_owned(), plugin);
        }
        "AdhocVariable" | "GroupByVariable" => {
            let uid = variable["datasource"]["name"].as_str().or_else(|| spec["datasource"]["uid"].as_str());
            if let Some(uid) = uid {
                fields.insert("datasource".to_owned(), json!({"type": variable["group"], "uid": uid}));
            }
        }
        _ => {}
    }
    if fields.remove("origin").is_some() {
        lost.push(format!("variable {}: which datasource it came with", spec["name"]));
    }
    Some(Value::Object(fields))
}

/// The words of V2, in the order of the classic schema's numbers.
const HIDDEN: [&str; 4] = ["dontHide", "hideLabel", "hideVariable", "inControlsMenu"];
const REFRESHED: [&str; 3] = ["never", "onDashboardLoad", "onTimeRangeChanged"];
const SORTED: [&str; 9] = [
    "disabled",
    "alphabeticalAsc",
    "alphabeticalDesc",
    "numericalAsc",
    "numericalDesc",
    "alphabeticalCaseInsensitiveAsc",
    "alphabeticalCaseInsensitiveDesc",
    "naturalAsc",
    "naturalDesc",
];

/// Sets a field that there is.
fn copy(value: &Value, to: &mut Value, key: &str) {
    if !value.is_null() {
        to[key] = value.clone();
    }
}

/// What an element is.
enum Element<'v> {
    Panel(&'v Value),
    Library(&'v Value),
}

fn element<'v>(spec: &'v Value, name: &str) -> anyhow::Result<Element<'v>> {
    let element = &spec["elements"][name];
    match text_of(element, "kind") {
        "Panel" => Ok(Element::Panel(&element["spec"])),
        "LibraryPanel" => Ok(Element::Library(&element["spec"])),
        other => bail!("the element {name:?} is of the kind {other:?}, expected `Panel`"),
    }
}
