//! The type and the labels of the series that an expression comes to, worked out from the inside out.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};

use super::VARIABLE;
use super::contract::{Contract, kept};

/// Labels with the values they may have; none listed: any.
pub(crate) type Labels = BTreeMap<String, Option<BTreeSet<String>>>;

/// What can be computed of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Gauge,
    Counter,
    /// The `_bucket` lines of a histogram.
    Buckets,
    /// Their rate or increase, of which a quantile can be taken.
    RatedBuckets,
}

/// Series of one type.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) kind: Kind,
    /// None where they cannot be known.
    pub(crate) labels: Option<Labels>,
}

impl Series {
    pub(crate) fn gauge(labels: Option<Labels>) -> Self {
        Self { kind: Kind::Gauge, labels }
    }

    pub(crate) fn counter(labels: Labels) -> Self {
        Self { kind: Kind::Counter, labels: Some(labels) }
    }

    pub(crate) fn buckets(labels: Labels) -> Self {
        Self { kind: Kind::Buckets, labels: Some(labels) }.with_labels([("le".to_owned(), None)])
    }

    pub(crate) fn with_labels(mut self, more: impl IntoIterator<Item = (String, Option<BTreeSet<String>>)>) -> Self {
        if let Some(labels) = &mut self.labels {
            labels.extend(more);
        }
        self
    }

    fn has(&self, label: &str) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.contains_key(label))
    }

    /// With those labels alone that `keep` wants.
    fn keeping(mut self, keep: impl Fn(&str) -> bool) -> Self {
        if let Some(labels) = &mut self.labels {
            labels.retain(|label, _| keep(label));
        }
        self
    }

    fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    fn described(&self) -> String {
        self.labels.as_ref().map(kept).unwrap_or_default()
    }
}

/// One walk through an expression.
pub(super) struct Evaluation<'c> {
    contract: &'c Contract,
    pub(super) breaches: Vec<String>,
}

impl<'c> Evaluation<'c> {
    pub(super) fn new(contract: &'c Contract) -> Self {
        Self { contract, breaches: Vec::new() }
    }

    /// The series of an expression; none of a number, a text, or what is wrong from the bottom.
    pub(super) fn of(&mut self, expr: &Expr) -> Option<Series> {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Subquery(subquery) => self.of(&subquery.expr),
            Expr::Paren(paren) => self.of(&paren.expr),
            Expr::Unary(unary) => self.of(&unary.expr).map(|series| series.of_kind(Kind::Gauge)),
            Expr::Call(call) => self.call(call),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => None,
        }
    }

    fn breach(&mut self, breach: String) {
        self.breaches.push(breach);
    }

    fn selector(&mut self, selector: &VectorSelector) -> Option<Series> {
        let Some(name) = &selector.name else {
            self.breach(format!("{selector} names no metric; begin with one"));
            return None;
        };
        let mut series = match self.contract.series(name) {
            Ok(series) => series,
            Err(breach) => {
                self.breach(breach);
                return None;
            }
        };
        let Some(labels) = &mut series.labels else { return Some(series) };
        for matcher in &selector.matchers.matchers {
            let others = kept(labels);
            match labels.get_mut(&matcher.name) {
                None => self.breaches.push(format!("{name} has no label {}; {others}", matcher.name)),
                Some(Some(values)) => {
                    if let Err(breach) = narrow(values, matcher) {
                        self.breaches.push(format!("{name} {breach}"));
                    }
                }
                Some(None) => {}
            }
        }
        Some(series)
    }

    fn call(&mut self, call: &Call) -> Option<Series> {
        let arguments: Vec<Option<Series>> = call.args.args.iter().map(|argument| self.of(argument)).collect();
        let function = call.func.name;
        if function == "vector" {
            return Some(Series::gauge(Some(Labels::new())));
        }
        if matches!(function, "scalar" | "time") {
            return None;
        }
        let series = arguments.into_iter().flatten().next()?;
        match (function, series.kind) {
            ("rate" | "irate" | "increase", Kind::Counter) => Some(series.of_kind(Kind::Gauge)),
            ("rate" | "irate" | "increase", Kind::Buckets) => Some(series.of_kind(Kind::RatedBuckets)),
            ("rate" | "irate" | "increase" | "resets", Kind::Gauge | Kind::RatedBuckets) => {
                self.breach(format!("{function} of a gauge in {call}; take it of a counter, or use delta or deriv"));
                Some(series.of_kind(Kind::Gauge))
            }
            ("delta" | "idelta" | "deriv" | "predict_linear", Kind::Counter | Kind::Buckets) => {
                self.breach(format!("{function} of a counter in {call}; use increase or rate, which know of restarts"));
                Some(series.of_kind(Kind::Gauge))
            }
            ("histogram_quantile", kind) => {
                if kind != Kind::RatedBuckets {
                    self.breach(format!(
                        "{call} is not of rated buckets; take the rate of a ..._bucket, and sum it by (le)"
                    ));
                }
                if !series.has("le") {
                    self.breach(format!("the label le is lost in {call}; keep it with by (le, ...)"));
                }
                Some(series.keeping(|label| label != "le").of_kind(Kind::Gauge))
            }
            ("label_replace" | "label_join", kind) => {
                let made = call.args.args.get(1).map(|label| label.to_string().trim_matches('"').to_owned());
                Some(series.with_labels(made.map(|label| (label, None))).of_kind(kind))
            }
            ("absent" | "absent_over_time", _) => Some(Series::gauge(None)),
            (_, Kind::RatedBuckets) => Some(series),
            _ => Some(series.of_kind(Kind::Gauge)),
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Option<Series> {
        if let Some(parameter) = &aggregate.param {
            self.of(parameter);
        }
        let series = self.of(&aggregate.expr)?;
        let (word, named) = match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) => ("by", labels.labels.clone()),
            Some(LabelModifier::Exclude(labels)) => ("without", labels.labels.clone()),
            None => ("by", Vec::new()),
        };
        for label in named.iter().filter(|label| !series.has(label)) {
            self.breach(format!("{word} ({label}) in {aggregate}: there is no label {label}; {}", series.described()));
        }
        let operation = aggregate.op.to_string();
        if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&operation.as_str()) {
            return Some(series);
        }
        let kind = series.kind;
        // `absent` and ALERTS bring labels that only grouping makes known.
        let unknown = series.labels.is_none() && word == "by";
        let series = match word {
            _ if unknown => Series::gauge(Some(named.iter().map(|label| (label.clone(), None)).collect())),
            "by" => series.keeping(|label| named.iter().any(|named| named == label)),
            _ => series.keeping(|label| named.iter().all(|named| named != label)),
        };
        let still_buckets = series.has("le") && matches!(kind, Kind::Buckets | Kind::RatedBuckets);
        Some(if still_buckets { series } else { series.of_kind(Kind::Gauge) })
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Option<Series> {
        let (left, right) = match (self.of(&binary.lhs), self.of(&binary.rhs)) {
            (Some(left), Some(right)) => (left, right),
            (left, right) => {
                let series = left.or(right)?;
                let same = binary.op.is_comparison_operator() || series.kind == Kind::RatedBuckets;
                return Some(if same { series } else { series.of_kind(Kind::Gauge) });
            }
        };
        let operation = binary.op.to_string();
        let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
        self.check_matching(binary, &operation, matching, [&left, &right]);
        if operation == "or" {
            return Some(either(left, right));
        }
        if binary.op.is_set_operator() {
            return Some(left);
        }
        let kind = if binary.op.is_comparison_operator() { left.kind } else { Kind::Gauge };
        let result = match binary.modifier.as_ref().map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToOne(labels)) => self.grouped(binary, left, &right, &labels.labels),
            Some(VectorMatchCardinality::OneToMany(labels)) => self.grouped(binary, right, &left, &labels.labels),
            _ => match matching {
                Some(LabelModifier::Include(on)) => left.keeping(|label| on.labels.iter().any(|on| on == label)),
                Some(LabelModifier::Exclude(off)) => left.keeping(|label| off.labels.iter().all(|off| off != label)),
                None => left,
            },
        };
        Some(result.of_kind(kind))
    }

    /// Both sides must have the labels that match them; without any named, the same labels.
    fn check_matching(
        &mut self,
        binary: &BinaryExpr,
        operation: &str,
        matching: Option<&LabelModifier>,
        sides: [&Series; 2],
    ) {
        let named = matching.map(|matching| matching.labels().labels.clone()).unwrap_or_default();
        let is_on = matching.is_some_and(LabelModifier::is_include);
        for label in &named {
            let missing: Vec<&&Series> = sides.iter().filter(|side| !side.has(label)).collect();
            if let Some(side) = missing.first()
                && (is_on || missing.len() == 2)
            {
                let word = if is_on { "on" } else { "ignoring" };
                self.breach(format!("{word} ({label}) in {binary}: a side has no label {label}; {}", side.described()));
            }
        }
        let grouped = binary.modifier.as_ref().is_some_and(|modifier| modifier.card.labels().is_some());
        if is_on || operation == "or" || grouped {
            return;
        }
        if let [Series { labels: Some(left), .. }, Series { labels: Some(right), .. }] = sides {
            let names = |labels: &Labels| -> BTreeSet<String> {
                labels.keys().filter(|label| !named.contains(label)).cloned().collect()
            };
            if names(left) != names(right) {
                let (left, right) = (kept(left), kept(right));
                self.breach(format!("the sides of {binary} never match: left {left}, right {right}; name those that are to match with on (...)"));
            }
        }
    }

    /// The side of many series with what `group_left` or `group_right` takes from the other.
    fn grouped(&mut self, binary: &BinaryExpr, many: Series, one: &Series, taken: &[String]) -> Series {
        for label in taken.iter().filter(|label| !one.has(label)) {
            self.breach(format!("{binary} takes the label {label} of a side that has none; {}", one.described()));
        }
        many.with_labels(taken.iter().map(|label| (label.clone(), None)))
    }
}

/// Series of the one kind or the other.
fn either(left: Series, right: Series) -> Series {
    let kind = if left.kind == right.kind { left.kind } else { Kind::Gauge };
    let labels = left.labels.zip(right.labels).map(|(mut all, right)| {
        for (label, values) in right {
            let both = match (all.remove(&label), values) {
                (Some(Some(left)), Some(right)) => Some(left.union(&right).cloned().collect()),
                (None, values) => values,
                _ => None,
            };
            all.insert(label, both);
        }
        all
    });
    Series { kind, labels }
}

/// Leaves those values that the matcher lets through; an error where it names one that there never is.
fn narrow(values: &mut BTreeSet<String>, matcher: &Matcher) -> Result<(), String> {
    let (label, wanted) = (&matcher.name, &matcher.value);
    if wanted.contains(VARIABLE) {
        return Ok(());
    }
    let all = values.iter().cloned().collect::<Vec<_>>().join(", ");
    let is_plain = wanted.chars().all(|c| c.is_ascii_alphanumeric() || "_|-".contains(c));
    let is_regex = matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_));
    let named: Vec<&str> = if is_regex { wanted.split('|').collect() } else { vec![wanted] };
    if let Some(never) = named.iter().find(|value| (is_plain || !is_regex) && !values.contains(**value)) {
        return Err(format!("never has {label}=\"{never}\"; it is one of {all}"));
    }
    values.retain(|value| match &matcher.op {
        MatchOp::Equal => value == wanted,
        MatchOp::NotEqual => value != wanted,
        MatchOp::Re(pattern) => pattern.is_match(value),
        MatchOp::NotRe(pattern) => !pattern.is_match(value),
    });
    if values.is_empty() { Err(format!("has no {label} left after {matcher}; it is one of {all}")) } else { Ok(()) }
}
