//! The contract between the catalogue and whoever reads metrics: names, labels, their values, and what may be computed of
//! which type. A breach is a sentence that says where it is and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::foreign::FOREIGN;
use super::series::{Evaluation, Kind, Labels, Series};
use super::{Query, Rule, range, rules};

/// One row of the catalogue.
#[derive(Clone)]
pub(crate) struct Metric {
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kind: String,
    /// Names and, where they are listed, values.
    pub(crate) labels: Labels,
}

/// Says of which part of the stack a target is; on all series of targets of the monitoring.
const TIER: &str = "tier";

/// Metrics of our catalogue that the parts of the monitoring have too, by the same names.
const SHARED_PREFIX: &str = "process_";

/// What Prometheus writes itself, with the labels of whichever alert it is.
const ALERTS: &str = "ALERTS";

/// Labels that Prometheus adds to every series it scrapes.
const ADDED_LABELS: [&str; 2] = ["job", "instance"];

/// The catalogue and the recording rules: all that a query may read.
pub(crate) struct Contract {
    pub(crate) catalogue: BTreeMap<String, Metric>,
    recorded: BTreeMap<String, Rule>,
}

/// What the program prints.
pub(crate) fn print(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry")).args(arguments).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

impl Contract {
    /// That of this repository.
    pub(crate) fn read() -> Self {
        Self::with(rules())
    }

    /// That of this repository with these rules instead.
    pub(crate) fn with(rules: Vec<Rule>) -> Self {
        let rows: Vec<Value> = serde_json::from_str(&print(&["metrics", "--json"])).unwrap();
        let recorded = rules.into_iter().filter_map(|rule| Some((rule.recorded()?, rule)));
        Self { catalogue: rows.iter().map(metric).collect(), recorded: recorded.collect() }
    }

    /// The catalogue's metric behind a series name, a histogram's suffix taken off.
    pub(crate) fn behind(&self, name: &str) -> Option<(&str, &Metric)> {
        if let Some((name, metric)) = self.catalogue.get_key_value(name) {
            return Some((name, metric));
        }
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
        let (name, metric) = self.catalogue.get_key_value(base)?;
        (metric.kind == "histogram").then_some((name.as_str(), metric))
    }

    /// What a query of a dashboard breaks.
    pub(crate) fn breaches_of_query(&self, query: &Query) -> Vec<String> {
        let (series, mut breaches) = self.evaluate(&query.expr());
        if let Some(Series { labels: Some(labels), .. }) = &series {
            let named = between(&query.legend, "{{", "}}");
            for label in named.into_iter().chain(query.listed.clone()).filter(|label| !labels.contains_key(label)) {
                breaches.push(format!("nothing has the label {label} that is shown; {}", kept(labels)));
            }
        }
        breaches.iter().map(|breach| format!("{}: {breach}", query.place)).collect()
    }

    /// What a rule breaks.
    pub(crate) fn breaches_of_rule(&self, rule: &Rule) -> Vec<String> {
        let (series, mut breaches) = self.evaluate(&rule.expr());
        if let Some(Series { labels: Some(labels), .. }) = &series {
            let texts = [&rule.body["labels"], &rule.body["annotations"]].map(ToString::to_string).concat();
            // Templates see the labels of the series, not those that the rule itself adds.
            for label in references(&texts).into_iter().filter(|label| !labels.contains_key(label)) {
                breaches.push(format!("nothing has the label {label} of $labels.{label}; {}", kept(labels)));
            }
        }
        breaches.iter().map(|breach| format!("{}: {breach}", rule.place)).collect()
    }

    /// The series that an expression comes to, and what is wrong with it.
    pub(crate) fn evaluate(&self, expr: &str) -> (Option<Series>, Vec<String>) {
        match promql_parser::parser::parse(expr) {
            Ok(parsed) => {
                let mut evaluation = Evaluation::new(self);
                let series = evaluation.of(&parsed);
                (series, evaluation.breaches.into_iter().chain(range::breaches(&parsed)).collect())
            }
            Err(error) => (None, vec![format!("{error} in {expr}")]),
        }
    }

    /// The series of one name, or why there are none.
    pub(super) fn series(&self, name: &str) -> Result<Series, String> {
        if let Some(rule) = self.recorded.get(name) {
            // What is wrong with the rule is told of the rule.
            let series = self.evaluate(&rule.expr()).0.ok_or_else(|| format!("{name} is recorded as a mere number"))?;
            let own = rule.body["labels"].as_object().into_iter().flatten();
            return Ok(series.with_labels(own.map(|(label, _)| (label.clone(), None))));
        }
        if name == ALERTS {
            return Ok(Series::gauge(None));
        }
        if let Some((_, kind, labels)) = FOREIGN.iter().find(|(foreign, ..)| *foreign == name) {
            let labels = labels.iter().chain([&TIER]).chain(&ADDED_LABELS).map(|label| ((*label).to_owned(), None));
            return Ok(match kind {
                Kind::Buckets => Series::buckets(labels.collect()),
                Kind::Counter => Series::counter(labels.collect()),
                _ => Series::gauge(Some(labels.collect())),
            });
        }
        let Some((base, metric)) = self.behind(name) else {
            return Err(format!(
                "{name} is in no catalogue and no recording rule; name a metric of docs/metrics.md, or list it in \
                 FOREIGN of tests/contracts/monitoring/foreign.rs if another program has it"
            ));
        };
        let labels = metric.labels.clone().into_iter().chain(ADDED_LABELS.map(|label| (label.to_owned(), None)));
        let tier = name.starts_with(SHARED_PREFIX).then(|| (TIER.to_owned(), None));
        let labels: Labels = labels.chain(tier).collect();
        match metric.kind.as_str() {
            "histogram" if base == name => {
                Err(format!("{name} is a histogram and has no series of that name; use {name}_bucket, _sum or _count"))
            }
            "histogram" if name.ends_with("_bucket") => Ok(Series::buckets(labels)),
            "histogram" | "counter" => Ok(Series::counter(labels)),
            _ => Ok(Series::gauge(Some(labels))),
        }
    }
}

fn metric(row: &Value) -> (String, Metric) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let labels = row["labels"].as_array().unwrap().iter().map(|label| {
        let values = label["values"].as_array().map(|values| values.iter().map(text).collect::<BTreeSet<_>>());
        (text(&label["name"]), values)
    });
    let metric = Metric { kind: text(&row["type"]), labels: labels.collect() };
    (text(&row["name"]), metric)
}

/// For a message: which labels there are to choose from.
pub(super) fn kept(labels: &Labels) -> String {
    let names: Vec<&str> = labels.keys().map(String::as_str).collect();
    if names.is_empty() { "no label is kept".to_owned() } else { format!("kept are {}", names.join(", ")) }
}

/// The labels that the templates of an alert refer to.
fn references(texts: &str) -> Vec<String> {
    let after = texts.split("$labels.").skip(1);
    after.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()).collect()
}

fn between(text: &str, open: &str, close: &str) -> Vec<String> {
    let inside = text.split(open).skip(1).filter_map(|rest| rest.split_once(close));
    inside.map(|(inside, _)| inside.trim().to_owned()).collect()
}
