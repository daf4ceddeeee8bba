//! The series that an expression selects, read through the grammar.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use promql_parser::label::Matcher;
use promql_parser::parser::{self, AtModifier, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

/// One series selector of an expression.
pub(crate) struct Selector {
    pub(crate) metric: String,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) range: Option<Duration>,
    /// Whether it is read once, at the end of the time shown: `@ end()`.
    pub(crate) at_end: bool,
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
    let metric = selector.name.clone().ok_or_else(|| format!("{selector} names no metric"))?;
    let at_end = matches!(selector.at, Some(AtModifier::End));
    Ok(Selector { metric, matchers: selector.matchers.matchers.clone(), range, at_end })
}
