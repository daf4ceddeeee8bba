//! The PromQL of dashboards: of panels, also within folded rows, of annotations and of the lists behind variables.

use std::fmt;

use serde_json::Value;

use super::{dashboards, list, text};

/// Stands for any Grafana variable within a string, so that a matcher shows that it used one.
pub(crate) const VARIABLE: &str = "GRAFANA_VARIABLE";
/// Stand for `$__rate_interval` and `$__range`: windows that nobody would write by hand.
pub(crate) const RATE_INTERVAL_SECONDS: u64 = 7_777;
pub(crate) const RANGE_SECONDS: u64 = 8_888;

/// Where a query stands; in the same words as `dashboards/allowed-empty.yml`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The dashboard's uid, which is its file's name.
    pub(crate) dashboard: String,
    pub(crate) panel: Option<u64>,
    pub(crate) annotation: Option<String>,
    pub(crate) variable: Option<String>,
    /// The panel's title and the query's letter.
    detail: String,
}

/// One PromQL query of a dashboard.
pub(crate) struct Query {
    pub(crate) place: Place,
    /// With Grafana's variables in it.
    template: String,
    /// What a variable lists: the label of `label_values(series, label)`.
    pub(crate) listed: Option<String>,
    /// How its series are named, as in `{{status}}`.
    pub(crate) legend: String,
    /// Asked for now, rather than for the time range of the dashboard.
    pub(crate) instant: bool,
    /// The type of the panel; empty for others than panels.
    pub(crate) kind: String,
    /// Whether it must be narrowed to the job and instance chosen: false for the variables that offer the choice.
    pub(crate) scoped: bool,
}

impl Place {
    /// Whether an entry of `allowed-empty.yml` names this place.
    pub(crate) fn is_named_by(&self, entry: &Value) -> bool {
        let same = |key: &str, own: &Option<String>| entry[key].as_str() == own.as_deref();
        text(entry, "dashboard") == self.dashboard
            && entry["panel"].as_u64() == self.panel
            && same("annotation", &self.annotation)
            && same("variable", &self.variable)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "dashboards/{}.json, ", self.dashboard)?;
        match (self.panel, &self.annotation, &self.variable) {
            (Some(id), ..) => write!(formatter, "panel {id} {}", self.detail),
            (_, Some(name), _) => write!(formatter, "annotation {name}"),
            (.., name) => write!(formatter, "variable {}", name.as_deref().unwrap_or("without a name")),
        }
    }
}

impl Query {
    /// As valid PromQL that shows where a variable was used.
    pub(crate) fn expr(&self) -> String {
        without_variables(&self.template)
    }

    /// As Grafana sends it with one service chosen, at a scrape interval of 15 s and with every instance.
    pub(crate) fn chosen(&self, job: &str) -> String {
        let values = [
            ("__rate_interval", "1m"),
            ("__interval", "15s"),
            ("__range", "5m"),
            ("job", job),
            ("instance", ".*"),
            ("slo", ".*"),
        ];
        let filled_in = values.iter().fold(self.template.clone(), |text, (name, value)| {
            text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value)
        });
        // A number is a group of a regular expression.
        let is_variable = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
        let unknown = filled_in.split('$').skip(1).any(is_variable);
        assert!(!unknown, "{}: a variable this test does not know: {filled_in}", self.place);
        match &self.listed {
            // label_values is Grafana's; Prometheus is asked for the series behind it.
            Some(label) => format!("group by ({label}) ({filled_in})"),
            None => filled_in,
        }
    }
}

/// Every PromQL query of every dashboard.
pub(crate) fn queries() -> Vec<Query> {
    dashboards().iter().flat_map(|(name, dashboard)| queries_of(name, dashboard)).collect()
}

/// Every PromQL query of one dashboard.
pub(crate) fn queries_of(name: &str, dashboard: &Value) -> Vec<Query> {
    let nowhere = Place { dashboard: name.to_owned(), ..Place::default() };
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        for target in list(panel, "targets") {
            // A target without a datasource has its panel's.
            let source = if target["datasource"].is_null() { &panel["datasource"] } else { &target["datasource"] };
            if is_prometheus(source) {
                let detail = format!("{}, query {}", panel["title"], text(target, "refId"));
                queries.push(Query {
                    place: Place { panel: panel["id"].as_u64(), detail, ..nowhere.clone() },
                    template: text(target, "expr").to_owned(),
                    listed: None,
                    legend: text(target, "legendFormat").to_owned(),
                    instant: target["instant"] == true,
                    kind: text(panel, "type").to_owned(),
                    scoped: true,
                });
            }
        }
    }
    for annotation in list(&dashboard["annotations"], "list") {
        if is_prometheus(&annotation["datasource"]) {
            queries.push(Query {
                place: Place { annotation: Some(text(annotation, "name").to_owned()), ..nowhere.clone() },
                template: text(annotation, "expr").to_owned(),
                listed: None,
                legend: format!("{} {}", text(annotation, "titleFormat"), text(annotation, "textFormat")),
                instant: false,
                kind: String::new(),
                scoped: true,
            });
        }
    }
    for variable in list(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query") {
        let place = Place { variable: Some(text(variable, "name").to_owned()), ..nowhere.clone() };
        let inner = text(&variable["query"], "query").strip_prefix("label_values(");
        let inner = inner.and_then(|rest| rest.strip_suffix(')')).and_then(|inner| inner.rsplit_once(','));
        let (series, label) = inner.unwrap_or_else(|| panic!("{place}: expected label_values(series, label)"));
        queries.push(Query {
            place,
            template: series.trim().to_owned(),
            listed: Some(label.trim().to_owned()),
            legend: String::new(),
            instant: true,
            kind: String::new(),
            scoped: false,
        });
    }
    queries
}

/// Every panel, rows included; those that a folded row holds come after it.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let within = |panel| std::iter::once(panel).chain(panels(panel));
    list(dashboard, "panels").iter().flat_map(within).collect()
}

fn is_prometheus(source: &Value) -> bool {
    source["type"] == "prometheus"
}

/// Puts in for each Grafana variable what keeps the expression valid PromQL.
pub(crate) fn without_variables(expr: &str) -> String {
    let windows = expr
        .replace("$__rate_interval", &format!("{RATE_INTERVAL_SECONDS}s"))
        .replace("$__range", &format!("{RANGE_SECONDS}s"));
    let mut out = String::new();
    let mut rest = windows.as_str();
    while let Some(start) = rest.find('$') {
        let after = rest[start + 1..].trim_start_matches('{');
        let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
        out.push_str(&rest[..start]);
        // A dollar that no name follows ends a regular expression.
        out.push_str(if end == 0 { "$" } else { VARIABLE });
        let braced = rest[start + 1..].starts_with('{');
        rest = if braced { after[end..].trim_start_matches('}') } else { &after[end..] };
    }
    out + rest
}
