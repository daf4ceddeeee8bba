//! A dashboard of the repository as Grafana 13 exports it: with its defaults, in its other schema.

use serde_json::{Map, Value, json};

use super::super::{list_of, text_of};

/// As saved in Grafana and exported, classic.
pub(super) fn as_saved(dashboard: &Value) -> Value {
    let mut saved = dashboard.clone();
    add(
        &mut saved,
        json!({"id": 12, "version": 7, "weekStart": "", "fiscalYearStartMonth": 0, "liveNow": false, "preload": false}),
    );
    each(&mut saved["links"], |link| add(link, json!({"url": ""})));
    each(&mut saved["annotations"]["list"], |annotation| {
        add(annotation, json!({"hide": false}));
        if annotation["builtIn"] == 1 {
            add(annotation, json!({"target": {"limit": 100, "matchAny": false, "tags": [], "type": "dashboard"}}));
        }
    });
    each(&mut saved["templating"]["list"], |variable| {
        add(variable, json!({"options": [], "regex": "", "hide": 0, "skipUrlSync": false, "allowCustomValue": true}));
    });
    each(&mut saved["panels"], save_panel);
    saved
}

fn save_panel(panel: &mut Value) {
    if panel["type"] == "row" {
        return;
    }
    add(panel, json!({"pluginVersion": "13.1.0", "transparent": false}));
    if panel["targets"].is_array() {
        each(&mut panel["targets"], |target| {
            add(target, json!({"hide": false, "exemplar": false, "instant": false}));
        });
    }
    let kind = text_of(panel, "type").to_owned();
    let hidden = json!({"legend": false, "tooltip": false, "viz": false});
    match kind.as_str() {
        "timeseries" => add(
            &mut panel["fieldConfig"]["defaults"]["custom"],
            json!({
                "axisBorderShow": false, "axisCenteredZero": false, "axisColorMode": "text", "barAlignment": 0, "barWidthFactor": 0.6,
                "hideFrom": hidden, "insertNulls": false, "showValues": false,
            }),
        ),
        "state-timeline" | "status-history" => add(
            &mut panel["fieldConfig"]["defaults"]["custom"],
            json!({"axisPlacement": "auto", "hideFrom": hidden, "insertNulls": false, "spanNulls": false}),
        ),
        "heatmap" => {
            panel["fieldConfig"]["defaults"]["custom"] =
                json!({"hideFrom": hidden, "scaleDistribution": {"type": "linear"}})
        }
        "piechart" => panel["fieldConfig"]["defaults"]["custom"] = json!({ "hideFrom": hidden }),
        "table" => add(&mut panel["fieldConfig"]["defaults"]["custom"], json!({"footer": {"reducers": []}})),
        _ => {}
    }
    let options = match kind.as_str() {
        "stat" => json!({"percentChangeColorMode": "standard", "showPercentChange": false, "wideLayout": true}),
        "gauge" => json!({"minVizHeight": 75, "minVizWidth": 75}),
        "bargauge" => json!({"maxVizHeight": 300, "minVizHeight": 16, "minVizWidth": 8,
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false}}),
        "heatmap" => json!({"exemplars": {"color": "rgba(255,0,255,0.7)"}}),
        "piechart" => json!({"sort": "desc"}),
        "timeseries" => json!({"annotations": {"clustering": -1, "multiLane": false}}),
        "state-timeline" | "status-history" => json!({ "perPage": 20 }),
        "logs" => json!({"showControls": false, "enableInfiniteScrolling": false}),
        _ => json!({}),
    };
    add(&mut panel["options"], options);
    if panel["options"]["tooltip"].is_object() {
        add(&mut panel["options"]["tooltip"], json!({"hideZeros": false}));
    }
    if kind == "heatmap" {
        add(&mut panel["options"]["yAxis"], json!({"reverse": false}));
    }
    if kind == "timeseries" {
        add(&mut panel["options"]["legend"], json!({"enableFacetedFilter": false, "overflow": "ellipsis"}));
    }
}

/// As exported for sharing externally: no values of variables, and what it needs.
pub(super) fn as_shared(dashboard: &Value) -> Value {
    let mut shared = as_saved(dashboard);
    add(
        &mut shared,
        json!({
            "__inputs": [{"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}],
            "__elements": {},
            "__requires": [{"type": "grafana", "id": "grafana", "name": "Grafana", "version": "13.1.0"}],
        }),
    );
    shared["id"] = Value::Null;
    each(&mut shared["templating"]["list"], |variable| variable["current"] = json!({}));
    // A panel that somebody had bound to one datasource.
    let text = shared.to_string().replacen("\"uid\":\"${prometheus_datasource}\"", "\"uid\":\"${DS_PROMETHEUS}\"", 3);
    serde_json::from_str(&text).unwrap()
}

/// As the resource `dashboard.grafana.app/v2`, written by the published types.
pub(super) fn as_v2(dashboard: &Value) -> Value {
    let saved = as_saved(dashboard);
    let mut elements = Map::new();
    let mut rows: Vec<Value> = Vec::new();
    let mut start = 0;
    for panel in list_of(&saved, "panels") {
        let place = &panel["gridPos"];
        if panel["type"] == "row" {
            start = place["y"].as_u64().unwrap() + 1;
            let layout = json!({"kind": "GridLayout", "spec": {"items": []}});
            rows.push(json!({"kind": "RowsLayoutRow", "spec": {"title": panel["title"], "collapse": false, "layout": layout}}));
            continue;
        }
        let name = format!("panel-{}", panel["id"]);
        elements.insert(name.clone(), element(panel));
        let items = rows.last_mut().unwrap()["spec"]["layout"]["spec"]["items"].as_array_mut().unwrap();
        items.push(json!({"kind": "GridLayoutItem", "spec": {
            "x": place["x"], "y": place["y"].as_u64().unwrap() - start, "width": place["w"], "height": place["h"],
            "element": {"kind": "ElementReference", "name": name},
        }}));
    }
    let cursor = ["Off", "Crosshair", "Tooltip"][saved["graphTooltip"].as_u64().unwrap() as usize];
    let spec = json!({
        "title": saved["title"], "description": saved["description"], "tags": saved["tags"], "editable": saved["editable"],
        "cursorSync": cursor,
        "liveNow": false, "preload": false, "links": saved["links"], "elements": elements,
        "layout": {"kind": "RowsLayout", "spec": {"rows": rows}},
        "timeSettings": {
            "timezone": saved["timezone"], "from": saved["time"]["from"], "to": saved["time"]["to"],
            "autoRefresh": saved["refresh"], "autoRefreshIntervals": saved["timepicker"]["refresh_intervals"],
            "hideTimepicker": false, "fiscalYearStartMonth": 0,
        },
        "annotations": list_of(&saved["annotations"], "list").iter().map(annotation).collect::<Vec<_>>(),
        "variables": list_of(&saved["templating"], "list").iter().map(variable).collect::<Vec<_>>(),
        "preferences": {"layout": {"kind": "GridLayout", "spec": {"items": []}}},
    });
    json!({"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard",
        "metadata": {"name": dashboard["uid"], "generation": 4}, "spec": spec})
}

/// The same for sharing externally: which datasource it was is not in it.
pub(super) fn as_v2_shared(dashboard: &Value) -> Value {
    fn forget(value: &mut Value) {
        if value["kind"] == "DataQuery" {
            value.as_object_mut().unwrap().remove("datasource");
            value["labels"] = json!({"grafana.app/export-label": "prometheus-1"});
        }
        match value {
            Value::Object(map) => map.values_mut().for_each(forget),
            Value::Array(list) => list.iter_mut().for_each(forget),
            _ => {}
        }
    }
    let mut shared = as_v2(dashboard);
    forget(&mut shared["spec"]);
    shared
}

fn element(panel: &Value) -> Value {
    let without = |value: &Value, keys: &[&str]| {
        let mut map = value.as_object().unwrap().clone();
        map.retain(|key, _| !keys.contains(&key.as_str()));
        Value::Object(map)
    };
    let queries: Vec<Value> = list_of(panel, "targets")
        .iter()
        .map(|target| {
            let query = data_query(&target["datasource"], without(target, &["refId", "datasource", "hide"]));
            json!({"kind": "PanelQuery", "spec": {"query": query, "refId": target["refId"], "hidden": false}})
        })
        .collect();
    let transformations: Vec<Value> = list_of(panel, "transformations")
        .iter()
        .map(|one| json!({"kind": "Transformation", "group": one["id"], "spec": without(one, &["id"])}))
        .collect();
    let mut config = panel["fieldConfig"].clone();
    // This schema has no null there.
    if let Some(lowest) = config.pointer_mut("/defaults/thresholds/steps/0") {
        lowest["value"] = 0.into();
    }
    json!({"kind": "Panel", "spec": {
        "id": panel["id"], "title": panel["title"], "description": panel["description"], "links": [],
        "data": {"kind": "QueryGroup", "spec": {"queries": queries, "transformations": transformations, "queryOptions": {}}},
        "vizConfig": {"kind": "VizConfig", "group": panel["type"], "version": "13.1.0",
            "spec": {"options": panel["options"], "fieldConfig": config}},
    }})
}

fn data_query(source: &Value, spec: Value) -> Value {
    json!({"kind": "DataQuery", "group": source["type"], "version": "v0", "datasource": {"name": source["uid"]}, "spec": spec})
}

fn annotation(annotation: &Value) -> Value {
    let known = ["name", "enable", "hide", "iconColor", "builtIn", "datasource", "type", "target"];
    let mut rest = annotation.as_object().unwrap().clone();
    rest.retain(|key, _| !known.contains(&key.as_str()));
    let mut spec = json!({
        "query": data_query(&annotation["datasource"], json!({})), "name": annotation["name"], "enable": annotation["enable"],
        "hide": annotation["hide"], "iconColor": annotation["iconColor"],
    });
    if annotation["builtIn"] == 1 {
        spec["builtIn"] = true.into();
    } else {
        spec["legacyOptions"] = rest.into();
    }
    json!({"kind": "AnnotationQuery", "spec": spec})
}

fn variable(variable: &Value) -> Value {
    let mut spec = variable.as_object().unwrap().clone();
    let kind = match spec.remove("type").unwrap().as_str().unwrap() {
        "query" => "QueryVariable",
        "datasource" => "DatasourceVariable",
        "textbox" => "TextVariable",
        "custom" => "CustomVariable",
        other => panic!("{other}"),
    };
    let number = |spec: &Map<String, Value>, key: &str| spec.get(key).and_then(Value::as_u64).unwrap_or(0) as usize;
    spec.insert("hide".into(), ["dontHide", "hideLabel", "hideVariable"][number(&spec, "hide")].into());
    if kind == "QueryVariable" {
        spec.insert(
            "refresh".into(),
            ["never", "onDashboardLoad", "onTimeRangeChanged"][number(&spec, "refresh")].into(),
        );
        spec.insert("sort".into(), ["disabled", "alphabeticalAsc"][number(&spec, "sort")].into());
        let query = data_query(&spec.remove("datasource").unwrap(), spec["query"].clone());
        spec.insert("query".into(), query);
    }
    if kind == "DatasourceVariable" {
        spec.insert("refresh".into(), "onDashboardLoad".into());
        let plugin = spec.remove("query").unwrap();
        spec.insert("pluginId".into(), plugin);
    }
    json!({ "kind": kind, "spec": spec })
}

/// Adds what is not there.
fn add(value: &mut Value, more: Value) {
    let map = value.as_object_mut().unwrap();
    for (key, value) in more.as_object().unwrap() {
        map.entry(key.as_str()).or_insert_with(|| value.clone());
    }
}

fn each(list: &mut Value, change: impl FnMut(&mut Value)) {
    list.as_array_mut().into_iter().flatten().for_each(change);
}
