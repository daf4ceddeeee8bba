//! Reads dashboards, rules and provisioning files, and the metrics that their expressions name.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

/// Stands for any Grafana variable within a string, so that a matcher shows that it used one.
pub(crate) const VARIABLE: &str = "GRAFANA_VARIABLE";
/// Stand for `$__rate_interval` and `$__range`: windows that nobody would write by hand.
pub(crate) const RATE_INTERVAL_SECONDS: u64 = 7_777;
pub(crate) const RANGE_SECONDS: u64 = 8_888;

/// One series selector of an expression.
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label to value, of positive matchers.
    pub(crate) matchers: BTreeMap<String, String>,
    pub(crate) range: Option<Duration>,
}

/// One PromQL query of a dashboard, with its variables replaced.
pub(crate) struct Query {
    pub(crate) place: String,
    pub(crate) expr: String,
    pub(crate) instant: bool,
    /// Whether it must be narrowed to the job and instance chosen: false for the variables that offer the choice.
    pub(crate) scoped: bool,
}

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

/// The metrics an expression reads, histogram suffixes and recorded names included.
///
/// # Errors
/// If the expression does not parse, or selects series without naming one metric.
pub(crate) fn metric_names(expr: &str) -> Result<BTreeSet<String>, String> {
    Ok(selectors(expr)?.into_iter().map(|selector| selector.metric).collect())
}

/// Every selector of an expression, in order.
///
/// # Errors
/// As [`metric_names`].
pub(crate) fn selectors(expr: &str) -> Result<Vec<Selector>, String> {
    struct Collect(Vec<Result<Selector, String>>);
    impl ExprVisitor for Collect {
        type Error = Infallible;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
            match expr {
                Expr::VectorSelector(selector) => self.0.push(read_selector(selector, None)),
                Expr::MatrixSelector(matrix) => self.0.push(read_selector(&matrix.vs, Some(matrix.range))),
                // The walk does not enter the parameter of an aggregation, as in topk(scalar(x), y).
                Expr::Aggregate(aggregate) => {
                    if let Some(parameter) = &aggregate.param {
                        let Ok(_) = walk_expr(self, parameter);
                    }
                }
                _ => {}
            }
            Ok(true)
        }
    }
    let parsed = parser::parse(expr).map_err(|error| format!("{error} in {expr}"))?;
    let mut collect = Collect(Vec::new());
    let Ok(_) = walk_expr(&mut collect, &parsed);
    collect.0.into_iter().collect()
}

fn read_selector(selector: &VectorSelector, range: Option<Duration>) -> Result<Selector, String> {
    let matchers: BTreeMap<String, String> = selector
        .matchers
        .matchers
        .iter()
        .filter(|matcher| !matches!(matcher.op, MatchOp::NotEqual | MatchOp::NotRe(_)))
        .map(|matcher| (matcher.name.clone(), matcher.value.clone()))
        .collect();
    let metric = selector.name.clone().ok_or_else(|| format!("{selector} names no metric"))?;
    Ok(Selector { metric, matchers, range })
}

/// Every PromQL query of every dashboard: panels, annotations and variables.
pub(crate) fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for (name, dashboard) in dashboards() {
        for panel in list(&dashboard, "panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if text(&target["datasource"], "type") == "prometheus" {
                    queries.push(Query {
                        place: format!("{name}, panel {} {}, query {}", panel["id"], panel["title"], target["refId"]),
                        expr: without_variables(text(target, "expr")),
                        instant: target["instant"] == true,
                        scoped: true,
                    });
                }
            }
        }
        for annotation in
            list(&dashboard["annotations"], "list").iter().filter(|annotation| annotation["expr"].is_string())
        {
            queries.push(Query {
                place: format!("{name}, annotation {}", annotation["name"]),
                expr: without_variables(text(annotation, "expr")),
                instant: false,
                scoped: true,
            });
        }
        for variable in list(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query") {
            // label_values(selector, label): only the selector is PromQL.
            let arguments =
                text(&variable["query"], "query").strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (selector, _label) =
                arguments.and_then(|inner| inner.rsplit_once(", ")).expect("label_values(selector, label)");
            queries.push(Query {
                place: format!("{name}, variable {}", variable["name"]),
                expr: without_variables(selector),
                instant: true,
                scoped: false,
            });
        }
    }
    queries
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
