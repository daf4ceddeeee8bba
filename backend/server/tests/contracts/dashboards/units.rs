//! Whether a panel's unit is that of what its query comes to, worked out from the inside out: names carry their units.

use promql_parser::parser::{self, BinaryExpr, Call, Expr};
use serde_json::Value;

use crate::contracts::monitoring::{metric_names, text};

/// What a number measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dimension {
    /// Of a mere number, this one.
    Number(f64),
    /// How many.
    Count,
    Share,
    Seconds,
    Bytes,
    CountPerSecond,
    CountPerMinute,
    BytesPerSecond,
    /// Of the United States.
    Dollars,
    DollarsPerSecond,
    /// Time of something within time: processors that are busy.
    SecondsPerSecond,
}

use Dimension::{
    Bytes, BytesPerSecond, Count, CountPerMinute, CountPerSecond, Dollars, DollarsPerSecond, Number, Seconds,
    SecondsPerSecond, Share,
};

impl Dimension {
    /// Grafana's names for it.
    fn units(self) -> &'static [&'static str] {
        match self {
            Number(_) | Count => &["short", "none", "locale"],
            Share => &["percentunit", "short"],
            Seconds => &["s", "dtdurations"],
            Bytes => &["bytes"],
            CountPerSecond => &["reqps", "ops", "cps", "pps"],
            CountPerMinute => &["opm", "cpm"],
            BytesPerSecond => &["Bps"],
            Dollars => &["currencyUSD"],
            // There is no unit for it: 3600 times as much are dollars an hour.
            DollarsPerSecond => &[],
            SecondsPerSecond => &["percentunit", "short"],
        }
    }
}

/// The unit itself, or of what it is a kind: `count:` is Grafana's way to say what is counted, as in `count:lines/s`.
pub(super) fn family(unit: &str) -> &str {
    match unit.strip_prefix("count:").and_then(|counted| counted.split_once('/')) {
        Some((_, "s")) => "cps",
        Some((_, "min")) => "cpm",
        _ => unit,
    }
}

/// What is wrong with the unit under which a query's values are shown.
pub(super) fn fault(expr: &str, unit: &str) -> Option<String> {
    let dimension = dimension(&parser::parse(expr).ok()?);
    let units = dimension.units();
    (!units.contains(&family(unit)))
        .then(|| format!("the unit is {unit:?}, and the query comes to {dimension:?}, which is {units:?}: {expr}"))
}

/// What is wrong with the unit of a heatmap's axis, which is that of the histogram.
pub(super) fn axis_fault(expr: &str, panel: &Value) -> Option<String> {
    let unit = text(&panel["options"]["yAxis"], "unit");
    let name = metric_names(expr).ok()?.into_iter().next()?;
    let units = of_metric(name.trim_end_matches("_bucket")).units();
    (!units.contains(&unit)).then(|| format!("the axis has the unit {unit:?}, and {name} is {units:?}"))
}

fn of_metric(name: &str) -> Dimension {
    let base = name.strip_suffix("_total").unwrap_or(name);
    if name.ends_with("_bucket") || name.ends_with("_count") {
        return Count;
    }
    let base = base.strip_suffix("_sum").unwrap_or(base);
    match base {
        // Recorded: level:metric:operations.
        _ if base.ends_with("_ratio") || base.contains(":ratio") => Share,
        _ if base.contains(":rate") => CountPerSecond,
        _ if base.contains(":p95") || base.ends_with("_seconds") => Seconds,
        _ if base.ends_with("_dollars") => Dollars,
        _ if base.ends_with("_bytes") || base.contains("_bytes_") => Bytes,
        _ => Count,
    }
}

fn dimension(expr: &Expr) -> Dimension {
    match expr {
        Expr::NumberLiteral(number) => Number(number.val),
        Expr::VectorSelector(selector) => of_metric(selector.name.as_deref().unwrap_or_default()),
        Expr::MatrixSelector(matrix) => of_metric(matrix.vs.name.as_deref().unwrap_or_default()),
        Expr::Subquery(subquery) => dimension(&subquery.expr),
        Expr::Paren(paren) => dimension(&paren.expr),
        Expr::Unary(unary) => dimension(&unary.expr),
        Expr::Aggregate(aggregate) if aggregate.op.to_string() == "count" => Count,
        Expr::Aggregate(aggregate) => dimension(&aggregate.expr),
        Expr::Call(call) => of_call(call),
        Expr::Binary(binary) => of_binary(binary),
        Expr::StringLiteral(_) | Expr::Extension(_) => Count,
    }
}

fn of_call(call: &Call) -> Dimension {
    let argument = |index: usize| call.args.args.get(index).map_or(Count, |argument| dimension(argument));
    match call.func.name {
        "rate" | "irate" => match argument(0) {
            Seconds => SecondsPerSecond,
            Bytes => BytesPerSecond,
            Dollars => DollarsPerSecond,
            _ => CountPerSecond,
        },
        "changes" | "resets" => Count,
        "time" => Seconds,
        "histogram_quantile" => {
            let names = metric_names(&call.args.args[1].to_string()).unwrap_or_default();
            names.iter().next().map_or(Count, |name| of_metric(name.trim_end_matches("_bucket")))
        }
        // The rest give back what they take, first of all.
        _ => argument(0),
    }
}

fn of_binary(binary: &BinaryExpr) -> Dimension {
    let (left, right) = (dimension(&binary.lhs), dimension(&binary.rhs));
    match (binary.op.to_string().as_str(), left, right) {
        ("*", Number(60.0), CountPerSecond) => CountPerMinute,
        ("*", Number(3600.0), DollarsPerSecond) => Dollars,
        ("*", Number(_), other) | ("*", other, Number(_)) | ("/", other, Number(_)) => other,
        ("/", SecondsPerSecond, CountPerSecond) => Seconds,
        ("/", BytesPerSecond, CountPerSecond) => Bytes,
        // Busy time of several threads, as a share of all.
        ("/", ..) => Share,
        // Of both sides one is a number at times, as in `1 - share` and `or vector(0)`.
        (_, Number(_), other) => other,
        (_, other, _) => other,
    }
}

#[test]
fn each_mistaken_unit_is_found() {
    for (expr, right, wrong) in [
        ("sum(rate(http_requests_total[5m]))", "reqps", "short"),
        ("sum(rate(http_requests_total[5m]))", "count:requests/s", "count:requests/min"),
        ("60 * sum(rate(http_requests_total[5m]))", "count:requests/min", "count:requests/s"),
        (
            "60 * sum(rate(http_requests_total[5m])) or on () label_replace(0 * sum(rate(http_requests_total[5m])), \"a\", \"b\", \"\", \"\")",
            "opm",
            "reqps",
        ),
        ("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) >= 0", "s", "bytes"),
        ("histogram_quantile(0.95, sum by (le) (rate(belfry_upload_size_bytes_bucket[5m])))", "bytes", "s"),
        ("sum(rate(http_request_size_bytes_sum[5m]))", "Bps", "bytes"),
        ("sum(rate(http_request_size_bytes_sum[5m])) / sum(rate(http_request_size_bytes_count[5m]))", "bytes", "Bps"),
        ("sum(rate(a_seconds_sum[5m])) / (sum(rate(a_seconds_count[5m])) > 0)", "s", "percentunit"),
        ("time() - max(belfry_cleanup_last_success_timestamp_seconds)", "s", "short"),
        ("rate(process_cpu_seconds_total[5m])", "short", "s"),
        ("rate(tokio_worker_busy_seconds_total[5m]) / tokio_workers", "percentunit", "s"),
        ("sum(increase(http_requests_total[5m]))", "short", "reqps"),
        ("count(ALERTS) or vector(0)", "short", "percentunit"),
        ("host_cpu_usage_ratio", "percentunit", "s"),
        ("sum(increase(belfry_ai_cost_dollars_total[1h]))", "currencyUSD", "short"),
        ("3600 * sum(rate(belfry_ai_cost_dollars_total[5m]))", "currencyUSD", "reqps"),
        ("60 * job_slo:slo_errors:rate5m", "count:errors/min", "short"),
        ("job_slo:error_budget_burn:ratio1h", "short", "reqps"),
    ] {
        assert_eq!(fault(expr, right), None, "{expr}");
        assert!(fault(expr, wrong).is_some(), "{expr}: {wrong}");
    }
}
