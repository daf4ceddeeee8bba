//! The queries of the provisioned dashboards, as Grafana would send them, and those that may return nothing.

use std::{fmt, fs, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::running::project_root;

pub(crate) struct Query {
    pub(crate) place: Place,
    /// With the dashboard's variables filled in.
    pub(crate) expression: String,
    /// Asked for now, rather than for the time range of the dashboard.
    pub(crate) instant: bool,
}

/// Where a query stands; the same words as dashboards/allowed-empty.yml.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Place {
    /// The dashboard's uid.
    dashboard: String,
    panel: Option<u64>,
    annotation: Option<String>,
    variable: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dashboard, panel, annotation, variable } = self;
        match (panel, annotation, variable) {
            (Some(id), ..) => write!(formatter, "{dashboard}, panel {id}"),
            (_, Some(name), _) => write!(formatter, "{dashboard}, annotation {name}"),
            (.., name) => write!(formatter, "{dashboard}, variable {}", name.as_deref().unwrap_or("without a name")),
        }
    }
}

#[derive(Deserialize)]
struct AllowedEmpty {
    always: Vec<Allowed>,
}

#[derive(Deserialize)]
struct Allowed {
    #[serde(flatten)]
    place: Place,
    reason: String,
}

/// The places that may show nothing even after traffic.
pub(crate) fn allowed_empty() -> Vec<Place> {
    let text = fs::read_to_string(folder().join("allowed-empty.yml")).expect("dashboards/allowed-empty.yml");
    let allowed: AllowedEmpty = yaml_serde::from_str(&text).expect("allowed-empty.yml has its shape");
    for one in &allowed.always {
        assert!(one.reason.len() > 10, "{} needs a reason", one.place);
    }
    allowed.always.into_iter().map(|one| one.place).collect()
}

/// Every Prometheus query of every dashboard: panels, annotations and the lists behind variables.
pub(crate) fn queries() -> Vec<Query> {
    queries_of(".*")
}

/// The same with one service chosen.
pub(crate) fn queries_of(job: &str) -> Vec<Query> {
    let files = fs::read_dir(folder()).expect("the dashboards folder");
    let paths = files.map(|file| file.expect("a readable folder").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .flat_map(|path| of_dashboard(path, job))
        .collect()
}

fn folder() -> PathBuf {
    project_root().join("dashboards")
}

fn of_dashboard(path: PathBuf, job: &str) -> Vec<Query> {
    let text = fs::read_to_string(path).expect("a readable dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
    let uid = dashboard["uid"].as_str().expect("a dashboard has a uid");
    let nowhere = Place { dashboard: uid.to_owned(), panel: None, annotation: None, variable: None };
    let mut found = Vec::new();
    collect_panels(&nowhere, &dashboard["panels"], job, &mut found);
    for annotation in list(&dashboard["annotations"]["list"]) {
        if is_prometheus(&annotation["datasource"]) {
            let place = Place { annotation: annotation["name"].as_str().map(str::to_owned), ..nowhere.clone() };
            found.push(query(place, annotation["expr"].as_str(), job, false));
        }
    }
    for variable in list(&dashboard["templating"]["list"]) {
        if is_prometheus(&variable["datasource"]) {
            let place = Place { variable: variable["name"].as_str().map(str::to_owned), ..nowhere.clone() };
            let series = variable["query"]["query"].as_str().and_then(series_of_label_values);
            found.push(query(place, series.as_deref(), job, true));
        }
    }
    found
}

/// Rows that are folded hold their panels inside.
fn collect_panels(nowhere: &Place, panels: &Value, job: &str, found: &mut Vec<Query>) {
    for panel in list(panels) {
        collect_panels(nowhere, &panel["panels"], job, found);
        for target in list(&panel["targets"]) {
            let source = if target["datasource"].is_null() { &panel["datasource"] } else { &target["datasource"] };
            if is_prometheus(source) {
                let place = Place { panel: panel["id"].as_u64(), ..nowhere.clone() };
                found.push(query(place, target["expr"].as_str(), job, target["instant"] == true));
            }
        }
    }
}

fn query(place: Place, template: Option<&str>, job: &str, instant: bool) -> Query {
    let template = template.unwrap_or_else(|| panic!("{place} has no query"));
    let expression = filled_in(template, job);
    assert!(!expression.contains('$'), "{place} uses a variable this test does not know: {expression}");
    Query { place, expression, instant }
}

/// `label_values(series, label)` is Grafana's; Prometheus is asked for the series behind it.
fn series_of_label_values(text: &str) -> Option<String> {
    let (series, label) = text.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(',')?;
    Some(format!("group by ({}) ({series})", label.trim()))
}

/// Grafana's variables with what they stand for at a scrape interval of 15 s and every instance selected.
fn filled_in(template: &str, job: &str) -> String {
    let values =
        [("__rate_interval", "1m"), ("__interval", "15s"), ("__range", "5m"), ("job", job), ("instance", ".*")];
    values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value)
    })
}

fn is_prometheus(source: &Value) -> bool {
    source["type"] == "prometheus"
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
