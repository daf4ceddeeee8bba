//! The rules of Grafana's `dashboard-linter`, all 17, and `dashboards/.lint`, the file in which it takes exceptions. Written
//! anew, because the linter itself takes minutes to compile and a toolchain that nothing else here needs.

use std::collections::BTreeSet;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::units;
use crate::contracts::monitoring::{
    RATE_INTERVAL_SECONDS, VARIABLE, dashboards, list, panels, selectors, text, without_variables, yaml,
};

/// Its names for its rules.
const RULES: [&str; 17] = [
    "template-datasource-rule",
    "template-job-rule",
    "template-instance-rule",
    "template-label-promql-rule",
    "template-on-time-change-reload-rule",
    "panel-datasource-rule",
    "panel-title-description-rule",
    "panel-units-rule",
    "panel-no-targets-rule",
    "target-logql-rule",
    "target-logql-auto-rule",
    "target-promql-rule",
    "target-rate-interval-rule",
    "target-job-rule",
    "target-instance-rule",
    "target-counter-agg-rule",
    "uneditable-dashboard-rule",
];

/// The panel types that its rules about panels are for.
const LINTED: [&str; 5] = ["stat", "table", "timeseries", "gauge", "bargauge"];

/// Grafana's units that panels here have.
const UNITS: [&str; 17] = [
    "none",
    "short",
    "percentunit",
    "s",
    "dtdurations",
    "bytes",
    "Bps",
    "reqps",
    "ops",
    "cps",
    "pps",
    "opm",
    "cpm",
    "locale",
    "percent",
    "ms",
    "currencyUSD",
];

/// What breaks a rule.
pub(super) struct Finding {
    rule: &'static str,
    dashboard: String,
    panel: Option<String>,
    what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let panel = self.panel.as_ref().map(|panel| format!(", panel {panel:?}")).unwrap_or_default();
        write!(formatter, "{}: dashboard {:?}{panel}: {}", self.rule, self.dashboard, self.what)
    }
}

impl Finding {
    fn is_excused_by(&self, entry: &Value) -> bool {
        let same = |key: &str, own: Option<&str>| entry[key].is_null() || entry[key].as_str() == own;
        same("dashboard", Some(&self.dashboard)) && same("panel", self.panel.as_deref())
    }
}

#[test]
fn every_dashboard_keeps_to_the_linter() {
    let mut findings: Vec<Finding> = dashboards().values().flat_map(findings_of).collect();
    let waivers = yaml("dashboards/.lint");
    let exclusions = waivers["exclusions"].as_object().expect("exclusions by rule");
    for (rule, waiver) in exclusions {
        assert!(RULES.contains(&rule.as_str()), "dashboards/.lint: there is no rule {rule}");
        assert!(text(waiver, "reason").len() > 30, "dashboards/.lint: {rule} gives no reason");
        let everything = [Value::Null];
        let entries = if waiver["entries"].is_null() { &everything } else { list(waiver, "entries") };
        for entry in entries {
            let before = findings.len();
            findings.retain(|finding| finding.rule != rule.as_str() || !finding.is_excused_by(entry));
            assert!(findings.len() < before, "dashboards/.lint: {rule}: {entry} excuses nothing; take it out");
        }
    }
    let left: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(left.is_empty(), "{} findings:\n{}", left.len(), left.join("\n"));
}

/// Everything that breaks a rule, excused or not.
pub(super) fn findings_of(dashboard: &Value) -> Vec<Finding> {
    let title = text(dashboard, "title").to_owned();
    let mut findings = Vec::new();
    let mut find = |rule: &'static str, panel: Option<&Value>, what: String| {
        let panel = panel.map(|panel| text(panel, "title").to_owned());
        findings.push(Finding { rule, dashboard: title.clone(), panel, what });
    };
    if dashboard["editable"] != false {
        find("uneditable-dashboard-rule", None, "it can be edited".to_owned());
    }
    of_variables(dashboard, &mut find);
    for panel in panels(dashboard) {
        of_panel(panel, &mut |rule, what| find(rule, Some(panel), what));
        for target in list(panel, "targets") {
            let source = if target["datasource"].is_null() { &panel["datasource"] } else { &target["datasource"] };
            let find = &mut |rule, what| find(rule, Some(panel), what);
            match text(source, "type") {
                "prometheus" => of_promql(text(target, "expr"), find),
                "loki" => of_logql(text(target, "expr"), find),
                other => find("panel-datasource-rule", format!("a query to {other:?}")),
            }
        }
    }
    findings
}

fn of_variables(dashboard: &Value, find: &mut impl FnMut(&'static str, Option<&Value>, String)) {
    let all = list(&dashboard["templating"], "list");
    let sources: Vec<&Value> = all.iter().filter(|variable| variable["type"] == "datasource").collect();
    if sources.is_empty() {
        find("template-datasource-rule", None, "no variable is a datasource".to_owned());
    }
    for source in &sources {
        let (kind, name, label) = (text(source, "query"), text(source, "name"), text(source, "label"));
        let titled = kind[..1].to_uppercase() + &kind[1..];
        let alone = sources.len() == 1 && name == "datasource" && label == "Data source";
        if !alone && (name != format!("{kind}_datasource") || label != format!("{titled} data source")) {
            find("template-datasource-rule", None, format!("the variable {name} is labelled {label:?}"));
        }
    }
    for (rule, name, label) in [("template-job-rule", "job", "Job"), ("template-instance-rule", "instance", "Instance")]
    {
        let Some(variable) = all.iter().find(|variable| variable["name"] == name) else {
            find(rule, None, format!("there is no variable {name}"));
            continue;
        };
        let source = text(&variable["datasource"], "uid");
        for (is_right, what) in [
            (source == "${prometheus_datasource}" || source == "${datasource}", "is not of the datasource chosen"),
            (variable["type"] == "query", "is no query"),
            (text(variable, "label") == label, "is labelled otherwise"),
            (variable["multi"] == true, "takes one value only"),
            (text(variable, "allValue") == ".+", "has not `.+` for All"),
        ] {
            if !is_right {
                find(rule, None, format!("the variable {name} {what}"));
            }
        }
    }
    for variable in all.iter().filter(|variable| variable["type"] == "query") {
        let name = text(variable, "name");
        let query = text(&variable["query"], "query");
        let series =
            query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(',')).map(|(series, _)| series);
        if series.is_none_or(|series| parser::parse(&without_variables(series)).is_err()) {
            find("template-label-promql-rule", None, format!("the variable {name} asks {query}"));
        }
        if variable["refresh"] != 2 {
            find("template-on-time-change-reload-rule", None, format!("the variable {name} keeps its values"));
        }
    }
}

fn of_panel(panel: &Value, find: &mut impl FnMut(&'static str, String)) {
    let kind = text(panel, "type");
    if !LINTED.contains(&kind) {
        return;
    }
    let uid = text(&panel["datasource"], "uid");
    if !["${prometheus_datasource}", "${loki_datasource}"].contains(&uid) {
        find("panel-datasource-rule", format!("it asks {uid:?}"));
    }
    if text(panel, "title").is_empty() || text(panel, "description").is_empty() {
        find("panel-title-description-rule", "its title or description is missing".to_owned());
    }
    if list(panel, "targets").is_empty() {
        find("panel-no-targets-rule", "it asks nothing".to_owned());
    }
    let overrides = list(&panel["fieldConfig"], "overrides").iter().flat_map(|rule| list(rule, "properties"));
    let overridden = overrides.filter(|property| property["id"] == "unit").map(|property| text(property, "value"));
    for unit in overridden.chain([text(&panel["fieldConfig"]["defaults"], "unit")]) {
        if !UNITS.contains(&units::family(unit)) {
            find("panel-units-rule", format!("{unit:?} is no unit that is used here"));
        }
    }
}

fn of_promql(template: &str, find: &mut impl FnMut(&'static str, String)) {
    let expr = without_variables(template);
    let parsed = match parser::parse(&expr) {
        Ok(parsed) => parsed,
        Err(error) => return find("target-promql-rule", format!("{error} in {template}")),
    };
    for (rule, label) in [("target-job-rule", "job"), ("target-instance-rule", "instance")] {
        for selector in selectors(&expr).unwrap_or_default() {
            let mut of_label = selector.matchers.iter().filter(|matcher| matcher.name == label);
            if !of_label.any(|matcher| matches!(matcher.op, MatchOp::Re(_)) && matcher.value == VARIABLE) {
                find(rule, format!("{} is not {label}=~\"${label}\"", selector.metric));
            }
        }
    }
    for fault in ranges(&parsed) {
        find(fault.0, format!("{} in {template}", fault.1));
    }
}

/// Rates over another window than `$__rate_interval`, and counters that are read as they are.
fn ranges(parsed: &Expr) -> Vec<(&'static str, String)> {
    #[derive(Default)]
    struct Walk {
        found: Vec<(&'static str, String)>,
        /// Selectors within rate, irate or increase.
        rated: BTreeSet<String>,
        counters: Vec<String>,
    }
    impl ExprVisitor for Walk {
        type Error = std::convert::Infallible;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
            match expr {
                Expr::Call(call) if ["rate", "irate", "increase"].contains(&call.func.name) => {
                    if let Some(Expr::MatrixSelector(matrix)) = call.args.args.first().map(|argument| &**argument) {
                        self.rated.insert(matrix.to_string());
                        let is_ours = matrix.range.as_secs() == RATE_INTERVAL_SECONDS;
                        if call.func.name != "increase" && !is_ours {
                            self.found.push(("target-rate-interval-rule", format!("{call} has a window of its own")));
                        }
                    }
                }
                Expr::MatrixSelector(matrix) => {
                    let is_counter = matrix.vs.name.as_deref().is_some_and(|name| name.ends_with("_total"));
                    if is_counter && !self.rated.contains(&matrix.to_string()) {
                        self.counters.push(matrix.to_string());
                    }
                }
                Expr::VectorSelector(selector)
                    if selector.name.as_deref().is_some_and(|name| name.ends_with("_total")) =>
                {
                    self.counters.push(selector.to_string());
                }
                _ => {}
            }
            Ok(true)
        }
    }
    let mut walk = Walk::default();
    let Ok(_) = walk_expr(&mut walk, parsed);
    let counters =
        walk.counters.into_iter().map(|counter| ("target-counter-agg-rule", format!("{counter} is not rated")));
    walk.found.into_iter().chain(counters).collect()
}

/// Whether the text is LogQL is asked of Grafana's own grammar, in `scripts/dashboards`.
fn of_logql(expr: &str, find: &mut impl FnMut(&'static str, String)) {
    let opens = expr.matches('{').count() - expr.matches("${").count();
    if !expr.contains('{') || opens == 0 || expr.matches('`').count() % 2 == 1 {
        find("target-logql-rule", format!("{expr} selects no stream"));
    }
    for window in expr.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(window, _)| window) {
        if window != "$__auto" {
            find("target-logql-auto-rule", format!("a window of {window} in {expr}"));
        }
    }
}
