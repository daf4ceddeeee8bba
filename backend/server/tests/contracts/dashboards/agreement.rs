//! Each panel agrees with what its queries are, and the set with what it is for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{links, overrides, units};
use crate::contracts::monitoring::contract::{Contract, print};
use crate::contracts::monitoring::{Query, dashboards, list, panels, queries_of, read, text};

/// All panels of all dashboards but rows are at least so many.
const PANELS: usize = 130;

/// The lines of the grid that two screens of 1080 pixels show: 38 pixels each, below Grafana's own bars.
const TWO_SCREENS: u64 = 50;

/// What is wrong with the panels of a dashboard, as sentences that name dashboard and panel.
pub(super) fn faults(name: &str, dashboard: &Value, contract: &Contract, all: &BTreeMap<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    let queries = queries_of(name, dashboard);
    faults.extend(queries.iter().flat_map(|query| contract.breaches_of_query(query)));
    for panel in panels(dashboard).into_iter().filter(|panel| panel["type"] != "row") {
        let place = format!("dashboards/{name}.json, panel {} {}", panel["id"], panel["title"]);
        let of_panel: Vec<&Query> = queries.iter().filter(|query| query.place.panel == panel["id"].as_u64()).collect();
        let mut found = faults_of_units(panel, &of_panel);
        found.extend(overrides::faults(panel, &of_panel, contract));
        found.extend(links::faults(panel, dashboard, &of_panel, contract, all));
        faults.extend(found.into_iter().map(|fault| format!("{place}: {fault}")));
    }
    faults
}

fn faults_of_units(panel: &Value, queries: &[&Query]) -> Vec<String> {
    let mut faults = Vec::new();
    let defaults = &panel["fieldConfig"]["defaults"];
    for (index, query) in queries.iter().enumerate() {
        let unit =
            if query.kind == "table" { column_unit(panel, queries.len(), index) } else { text(defaults, "unit") };
        faults.extend(units::fault(&query.expr(), unit));
        if query.kind == "heatmap" {
            faults.extend(units::axis_fault(&query.expr(), panel));
        }
    }
    faults
}

/// The unit of the column that holds a query's values: an override's, or the panel's.
fn column_unit(panel: &Value, queries: usize, index: usize) -> &str {
    let field = if queries == 1 { "Value".to_owned() } else { format!("Value #{}", char::from(b'A' + index as u8)) };
    let organize = list(panel, "transformations").iter().find(|one| one["id"] == "organize");
    let renamed = organize.and_then(|one| one["options"]["renameByName"][&field].as_str()).unwrap_or(&field);
    let rules = list(&panel["fieldConfig"], "overrides").iter();
    let properties =
        rules.filter(|rule| rule["matcher"]["options"] == renamed).flat_map(|rule| list(rule, "properties"));
    let unit = properties.filter(|property| property["id"] == "unit").find_map(|property| property["value"].as_str());
    unit.unwrap_or_else(|| text(&panel["fieldConfig"]["defaults"], "unit"))
}

#[test]
fn panels_agree_with_their_queries() {
    let (contract, all) = (Contract::read(), dashboards());
    let found: Vec<String> =
        all.iter().flat_map(|(name, dashboard)| faults(name, dashboard, &contract, &all)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn there_is_a_panel_for_everything() {
    let all = dashboards();
    let shown = all.values().flat_map(panels).filter(|panel| panel["type"] != "row").count();
    assert!(shown >= PANELS, "{shown} panels");
}

/// Who is called at night reads two screens.
#[test]
fn the_overview_fits_two_screens() {
    let overview = &dashboards()["backend-overview"];
    let below = |panel: &Value| panel["gridPos"]["y"].as_u64().unwrap() + panel["gridPos"]["h"].as_u64().unwrap();
    let height = list(overview, "panels").iter().map(below).max().unwrap();
    assert!(height <= TWO_SCREENS, "the overview is {height} lines high");
}

/// A coloured background that never changes says that all is well, whatever is.
#[test]
fn colours_and_legends_mean_something() {
    let mut wrong = Vec::new();
    for (name, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let place = format!("{name}, panel {} {}", panel["id"], panel["title"]);
            let defaults = &panel["fieldConfig"]["defaults"];
            let steps = list(&defaults["thresholds"], "steps").len();
            let is_constant = steps < 2 && list(defaults, "mappings").is_empty();
            if panel["options"]["colorMode"] == "background" && is_constant {
                wrong.push(format!("{place}: its background has one colour"));
            }
            let style = text(&defaults["custom"]["thresholdsStyle"], "mode");
            if !["", "off"].contains(&style) && steps < 2 {
                wrong.push(format!("{place}: draws a threshold that it does not have"));
            }
            let legend = &panel["options"]["legend"];
            let is_table = panel["type"] == "timeseries" && legend["displayMode"] == "table";
            if is_table && (legend["sortBy"] != "Last *" || legend["sortDesc"] != true) {
                wrong.push(format!("{place}: its legend is not sorted by the last value"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_dashboards_is_current() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards");
    let printed = print(&["dashboards", "markdown", "--dashboards", folder]);
    assert_eq!(read("docs/dashboards.md"), printed, "run belfry dashboards markdown > docs/dashboards.md");
}
