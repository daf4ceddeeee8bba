//! Between which bounds the values of an expression lie, as far as that is known: a comparison that they rule out is never true, and one
//! that they imply says nothing.

use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr};

/// Smallest and largest possible value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    least: f64,
    most: f64,
}

const ANY: Range = Range { least: f64::NEG_INFINITY, most: f64::INFINITY };
/// Counts, rates, sizes, times since 1970.
const NOT_NEGATIVE: Range = Range { least: 0.0, most: f64::INFINITY };
/// Yes or no.
const SWITCH: Range = Range { least: 0.0, most: 1.0 };

/// Series that are 1 or 0.
const SWITCHES: [&str; 8] = [
    "up",
    "probe_success",
    "health_check_status",
    "node_filesystem_readonly",
    "node_timex_sync_status",
    "prometheus_config_last_reload_successful",
    "alertmanager_config_last_reload_successful",
    "ALERTS",
];

/// Units and suffixes that are never negative. A difference or an offset of seconds may be, so `_seconds` is not among them.
const NOT_NEGATIVE_SUFFIXES: [&str; 6] = ["_total", "_bytes", "_count", "_bucket", "_timestamp_seconds", "_depth"];

/// What is wrong with the comparisons of an expression.
pub(super) fn breaches(expr: &Expr) -> Vec<String> {
    let mut breaches = Vec::new();
    range(expr, &mut breaches);
    breaches
}

fn constant(value: f64) -> Range {
    Range { least: value, most: value }
}

fn range(expr: &Expr, breaches: &mut Vec<String>) -> Range {
    match expr {
        Expr::NumberLiteral(number) => constant(number.val),
        Expr::Paren(paren) => range(&paren.expr, breaches),
        Expr::Unary(unary) => {
            let Range { least, most } = range(&unary.expr, breaches);
            Range { least: -most, most: -least }
        }
        Expr::VectorSelector(selector) => of_metric(selector.name.as_deref().unwrap_or_default()),
        Expr::MatrixSelector(matrix) => of_metric(matrix.vs.name.as_deref().unwrap_or_default()),
        Expr::Subquery(subquery) => range(&subquery.expr, breaches),
        Expr::Call(call) => of_call(call, breaches),
        Expr::Aggregate(aggregate) => of_aggregate(aggregate, breaches),
        Expr::Binary(binary) => of_binary(binary, breaches),
        Expr::StringLiteral(_) | Expr::Extension(_) => ANY,
    }
}

fn of_metric(name: &str) -> Range {
    match name {
        name if SWITCHES.contains(&name) => SWITCH,
        name if NOT_NEGATIVE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) => NOT_NEGATIVE,
        _ => ANY,
    }
}

fn of_call(call: &Call, breaches: &mut Vec<String>) -> Range {
    let arguments: Vec<Range> = call.args.args.iter().map(|argument| range(argument, breaches)).collect();
    let inner = arguments.first().copied().unwrap_or(ANY);
    match call.func.name {
        "rate" | "irate" | "increase" | "changes" | "resets" | "abs" | "time" | "timestamp" | "stddev_over_time" => {
            NOT_NEGATIVE
        }
        "absent" | "absent_over_time" => constant(1.0),
        "count_over_time" => Range { least: 1.0, ..NOT_NEGATIVE },
        "vector" | "scalar" | "label_replace" | "label_join" | "sort" | "sort_desc" | "min_over_time"
        | "max_over_time" | "avg_over_time" | "last_over_time" => inner,
        "sum_over_time" if inner.least >= 0.0 => NOT_NEGATIVE,
        _ => ANY,
    }
}

fn of_aggregate(aggregate: &AggregateExpr, breaches: &mut Vec<String>) -> Range {
    let inner = range(&aggregate.expr, breaches);
    match aggregate.op.to_string().as_str() {
        // Of nothing there is no count.
        "count" => Range { least: 1.0, ..NOT_NEGATIVE },
        "group" => constant(1.0),
        "min" | "max" | "avg" | "topk" | "bottomk" | "quantile" => inner,
        "sum" if inner.least >= 0.0 => NOT_NEGATIVE,
        _ => ANY,
    }
}

fn of_binary(binary: &BinaryExpr, breaches: &mut Vec<String>) -> Range {
    let (left, right) = (range(&binary.lhs, breaches), range(&binary.rhs, breaches));
    let operation = binary.op.to_string();
    let are_not_negative = left.least >= 0.0 && right.least >= 0.0;
    if binary.op.is_comparison_operator() {
        if let Some(verdict) = verdict(&operation, left, right) {
            breaches.push(format!("the comparison of {binary} is {verdict} true"));
        }
        return if binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool) { SWITCH } else { left };
    }
    match operation.as_str() {
        "and" | "unless" => left,
        "or" => Range { least: left.least.min(right.least), most: left.most.max(right.most) },
        "+" => Range { least: left.least + right.least, most: left.most + right.most },
        "-" => Range { least: left.least - right.most, most: left.most - right.least },
        "*" | "/" if are_not_negative => NOT_NEGATIVE,
        _ => ANY,
    }
}

/// Whether the bounds decide the comparison alone.
fn verdict(operation: &str, left: Range, right: Range) -> Option<&'static str> {
    let is_apart = left.most < right.least || left.least > right.most;
    let (never, always) = match operation {
        ">" => (left.most <= right.least, left.least > right.most),
        ">=" => (left.most < right.least, left.least >= right.most),
        "<" => (left.least >= right.most, left.most < right.least),
        "<=" => (left.least > right.most, left.most <= right.least),
        "==" => (is_apart, false),
        "!=" => (false, is_apart),
        _ => (false, false),
    };
    if never { Some("never") } else { always.then_some("always") }
}
