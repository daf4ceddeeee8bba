//! Exports of the repository's own dashboards come back as they were; what was changed is said, and what is no dashboard is
//! refused.

mod as_exported;

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use as_exported::{as_saved, as_shared, as_v2, as_v2_shared};

/// Written by hand in the form of an export of Grafana 13.1 (`dashboard.grafana.app/v2`), with what the classic schema lacks.
const V2: &str = include_str!("tests/export-v2.json");
/// The same of Grafana 12 (`v2beta1`, and what `v2alpha1` named otherwise).
const V2_ALPHA: &str = include_str!("tests/export-v2alpha1.json");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards")
}

/// Each dashboard with its text.
fn files() -> Vec<(String, Value)> {
    let dashboards = read_folder(&folder()).unwrap();
    assert!(dashboards.len() >= 9);
    let with_text = |dashboard: Value| {
        let file = folder().join(format!("{}.json", text_of(&dashboard, "uid")));
        (std::fs::read_to_string(file).unwrap(), dashboard)
    };
    dashboards.into_iter().map(with_text).collect()
}

/// The file that a pull of an export writes beside the one that there is.
#[track_caller]
fn pulled(export: Value, before: &Value) -> (String, Vec<String>) {
    let uid = text_of(before, "uid");
    let taken = take(export, uid, Some(before)).unwrap();
    (text::write(&taken.dashboard), taken.lost)
}

#[track_caller]
fn comes_back(export: fn(&Value) -> Value) {
    for (text, dashboard) in files() {
        let (back, lost) = pulled(export(&dashboard), &dashboard);
        let other = text.lines().zip(back.lines()).find(|(was, is)| was != is);
        assert_eq!(other, None, "{}", dashboard["uid"]);
        assert!(text == back && lost.is_empty(), "{}: {lost:?}", dashboard["uid"]);
    }
}

#[test]
fn every_file_is_in_the_repository_form() {
    comes_back(Value::clone);
}

#[test]
fn an_unchanged_save_gives_no_difference() {
    comes_back(as_saved);
    comes_back(|dashboard| json!({"dashboard": as_saved(dashboard), "meta": {"isStarred": false, "version": 7}}));
    comes_back(|dashboard| {
        json!({"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard",
        "metadata": {"name": dashboard["uid"], "generation": 3}, "spec": as_saved(dashboard)})
    });
}

#[test]
fn an_unchanged_export_for_sharing_gives_none() {
    comes_back(as_shared);
}

#[test]
fn an_unchanged_v2_export_gives_none() {
    comes_back(as_v2);
    comes_back(as_v2_shared);
    comes_back(|dashboard| as_v2(dashboard)["spec"].clone());
}

#[test]
fn what_was_edited_is_kept_and_said() {
    let (_, before) = files().into_iter().find(|(_, dashboard)| dashboard["uid"] == "http").unwrap();
    for export in [as_saved, as_shared, as_v2, as_v2_shared] {
        let mut edited = before.clone();
        edited["title"] = "HTTP of late".into();
        edited["panels"][1]["fieldConfig"]["defaults"]["unit"] = "cps".into();
        edited["panels"][2]["targets"][0]["expr"] = "up".into();
        let gone = edited["panels"].as_array_mut().unwrap().pop().unwrap();
        let (text, lost) = pulled(export(&edited), &before);
        let after: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((after, lost), (edited.clone(), vec![]));
        let expected = [
            "title: \"HTTP\" is now \"HTTP of late\"".to_owned(),
            format!("{}: fieldConfig", name_of(&edited["panels"][1])),
            format!("{}: targets", name_of(&edited["panels"][2])),
            format!("{}: gone", name_of(&gone)),
        ];
        assert_eq!(changes::list(Some(&before), &edited), expected);
    }
}

/// Who exports has chosen a service; that is no change of the dashboard.
#[test]
fn a_chosen_value_is_not_taken_over() {
    let (text, before) = files().swap_remove(0);
    let mut export = as_saved(&before);
    for variable in export["templating"]["list"].as_array_mut().unwrap() {
        variable["current"] = json!({"selected": true, "text": ["backend"], "value": ["backend"]});
    }
    assert_eq!(pulled(export, &before).0, text);
}

#[test]
fn a_v2_dashboard_becomes_a_classic_one() {
    let export: Value = serde_json::from_str(V2).unwrap();
    assert_eq!(uid_of(&export).as_deref(), Some("shop"));
    let taken = take(export, "shop", None).unwrap();
    let expected: Value = serde_json::from_str(include_str!("tests/expected-v2.json")).unwrap();
    assert_eq!(text::write(&taken.dashboard), text::write(&expected));
    let expected = [
        "variable \"beta\": a SwitchVariable, which the classic schema does not have",
        "the tab \"Stock\": it is a row now",
        "the row \"Orders\": its condition",
        "panel 4 \"Shared\": the library panel \"Sales\" is in Grafana's database only; unlink it there",
        "a grid that sizes its panels itself: they have fixed places now",
    ];
    assert_eq!(taken.lost, expected);
}

#[test]
fn the_names_of_v2alpha1_are_known_too() {
    let export: Value = serde_json::from_str(V2_ALPHA).unwrap();
    let taken = take(export, "queue", None).unwrap();
    let expected: Value = serde_json::from_str(include_str!("tests/expected-v2alpha1.json")).unwrap();
    assert_eq!(text::write(&taken.dashboard), text::write(&expected));
    assert!(taken.lost.is_empty(), "{:?}", taken.lost);
}

#[test]
fn what_cannot_be_carried_over_is_named() {
    let panel = |id: u64, more: Value| {
        let mut panel =
            json!({"id": id, "type": "stat", "title": "Orders", "gridPos": {"x": 0, "y": 0, "w": 4, "h": 4}});
        panel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        panel
    };
    let export = json!({
        "uid": "shop", "title": "Shop", "schemaVersion": 42, "templating": {"list": []}, "__elements": {"abc": {"name": "Sales"}},
        "__inputs": [{"name": "DS_MYSQL", "type": "datasource", "pluginId": "mysql"}],
        "panels": [
            panel(1, json!({"libraryPanel": {"uid": "abc", "name": "Sales"}})),
            panel(2, json!({"alert": {"name": "old"}, "options": {}})),
            panel(2, json!({"options": {}})),
        ],
    });
    let taken = take(export, "shop", None).unwrap();
    let ids: Vec<u64> = list_of(&taken.dashboard, "panels").iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [2, 3]);
    let expected = [
        "the input DS_MYSQL of \"mysql\": no variable of the dashboard is of this datasource",
        "`__elements`: the library panels that the export brings along",
        "panel 1 \"Orders\": the library panel \"Sales\" is in Grafana's database only; unlink it there",
        "panel 2 \"Orders\": an alert within the panel; alerts are rules of Prometheus here",
        "panel 2 \"Orders\": its id, which another panel has; it is now 3",
    ];
    assert_eq!(taken.lost, expected);
}

#[test]
fn what_is_no_dashboard_is_refused_in_one_line() {
    for (export, expected) in [
        (json!([1]), "found no JSON object, expected a dashboard exported from Grafana"),
        (json!({"items": []}), "found an object with the keys [\"items\"], expected a dashboard"),
        (json!({"title": "Old", "rows": [], "schemaVersion": 6}), "save it once in Grafana"),
        (json!({"title": "Old", "panels": [], "schemaVersion": 6}), "found schemaVersion 6"),
        (json!({"elements": {}, "layout": {"kind": "Spiral"}}), "the layout is of the kind \"Spiral\""),
        (
            json!({"elements": {}, "layout": {"kind": "GridLayout", "spec": {"items": [
                {"kind": "GridLayoutItem", "spec": {"element": {"name": "panel-1"}}}]}}}),
            "the element \"panel-1\" is of the kind \"\"",
        ),
    ] {
        let Err(error) = take(export.clone(), "shop", None) else { panic!("{export} was taken") };
        let said = format!("{error:#}");
        assert!(said.contains(expected) && !said.contains('\n'), "{said}");
    }
    for (uid, expected) in [
        (None, "the export has no uid"),
        (Some("../http"), "found the uid \"../http\", expected at most 40 letters"),
        (Some(""), "found the uid \"\""),
    ] {
        let error = checked_uid(uid.map(str::to_owned)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_pull_writes_the_file_of_its_uid() {
    let folder = tempfile::tempdir().unwrap();
    let [export, target] = ["export.json", "shop.json"].map(|name| folder.path().join(name));
    std::fs::write(&export, V2).unwrap();
    pull(&export, folder.path(), None, None).unwrap();
    let first = std::fs::read_to_string(&target).unwrap();
    pull(&export, folder.path(), None, None).unwrap();
    assert_eq!(std::fs::read_to_string(&target).unwrap(), first);
    pull(&export, folder.path(), Some("other".to_owned()), None).unwrap();
    assert_eq!(read_json(&folder.path().join("other.json")).unwrap()["uid"], "other");
    std::fs::write(&export, "{").unwrap();
    let error = format!("{:#}", pull(&export, folder.path(), None, None).unwrap_err());
    assert!(error.contains("is not JSON") && !error.contains('\n'), "{error}");
}

#[test]
fn the_page_names_every_panel() {
    let dashboards = read_folder(&folder()).unwrap();
    let page = markdown::page(&dashboards);
    for dashboard in &dashboards {
        for panel in list_of(dashboard, "panels") {
            assert!(page.contains(text_of(panel, "title")), "{}", name_of(panel));
        }
    }
    assert!(page.lines().nth(7).unwrap().starts_with("| Dashboard |"), "{page}");
}
