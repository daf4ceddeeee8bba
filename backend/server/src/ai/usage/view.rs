//! Usage as JSON shows it.

use belfry_ledger::PicoDollars;
use serde::Serialize;

use super::groups::{Group, GroupSums};
use crate::ai::budget::gauges::BudgetState;
use crate::database::rfc3339;
use crate::error::Result;
use crate::labels::{BudgetMode, BudgetName, BudgetPeriod};
use crate::request::Page;

/// An amount, twice: neither is a JSON number, of which most programs keep 53 bits.
#[derive(Debug, Serialize)]
pub(super) struct Money {
    /// Decimal, with all its digits.
    dollars: String,
    /// Whole.
    pico_dollars: String,
}

impl From<PicoDollars> for Money {
    fn from(amount: PicoDollars) -> Self {
        Self { dollars: amount.to_string(), pico_dollars: amount.get().to_string() }
    }
}

#[derive(Serialize)]
struct Tokens {
    uncached_prompt: i64,
    cache_read: i64,
    cache_write: i64,
    visible_output: i64,
    reasoning: i64,
    total: i64,
}

/// What some calls add up to.
#[derive(Serialize)]
pub(super) struct Sums {
    /// Those that have ended.
    calls: i64,
    /// Of them, those whose outcome is not `ok`.
    failed_calls: i64,
    /// Those of models without a price, which are not in the cost.
    unpriced_calls: i64,
    /// Those that may have been billed without saying so, which are not in the cost.
    unknown_cost_calls: i64,
    tokens: Tokens,
    /// What is known to be billed.
    cost: Money,
    /// What budgets count: the cost, and the worst case of calls whose cost is not known.
    counted: Money,
}

impl From<GroupSums> for Sums {
    fn from(sums: GroupSums) -> Self {
        Self {
            calls: sums.calls,
            failed_calls: sums.failed_calls,
            unpriced_calls: sums.unpriced_calls,
            unknown_cost_calls: sums.unknown_cost_calls,
            tokens: Tokens {
                uncached_prompt: sums.uncached_prompt_tokens,
                cache_read: sums.cache_read_tokens,
                cache_write: sums.cache_write_tokens,
                visible_output: sums.visible_output_tokens,
                reasoning: sums.reasoning_tokens,
                total: sums.total_tokens,
            },
            cost: sums.cost.into(),
            counted: sums.counted.into(),
        }
    }
}

/// A group.
#[derive(Serialize)]
pub(super) struct GroupView {
    /// What its calls have in common: a date, an operation, a model, a provider or the id of a user.
    key: Option<String>,
    #[serde(flatten)]
    sums: Sums,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        Self { key: group.key, sums: group.sums.into() }
    }
}

/// The budgets, now.
#[derive(Serialize)]
pub(super) struct BudgetsView {
    pub mode: BudgetMode,
    pub periods: Vec<BudgetView>,
    /// The limits that each user has; those that are set.
    pub of_each_user: Vec<LimitView>,
}

/// A limit.
#[derive(Serialize)]
pub(super) struct LimitView {
    pub name: BudgetName,
    pub limit: Money,
}

/// The budget of the present day or month.
#[derive(Serialize)]
pub(super) struct BudgetView {
    period: BudgetPeriod,
    starts_at: String,
    ends_at: String,
    /// Null: none is set.
    limit: Option<Money>,
    spent: Money,
    reserved: Money,
    /// The limit without the two, below zero if a soft budget is exceeded.
    remaining: Option<Money>,
    /// What will have been spent at the end, if it goes on as of late.
    projected: Money,
}

impl BudgetView {
    pub fn new(period: BudgetPeriod, state: BudgetState) -> Self {
        Self {
            period,
            starts_at: rfc3339(state.period.start),
            ends_at: rfc3339(state.period.end),
            limit: state.limit.map(Money::from),
            spent: state.sums.spent.into(),
            reserved: state.sums.reserved.into(),
            remaining: state.limit.map(|limit| Money::from(limit - state.sums.total())),
            projected: state.projected.into(),
        }
    }
}

/// A key as a cursor: `-` for null, else `=` and the key.
pub(super) fn cursor(key: &Option<String>) -> String {
    key.as_ref().map_or_else(|| "-".to_owned(), |key| format!("={key}"))
}

/// The key of a cursor.
pub(super) fn read_cursor(cursor: &str) -> Result<Option<String>> {
    match cursor.strip_prefix('=') {
        Some(key) => Ok(Some(key.to_owned())),
        None if cursor == "-" => Ok(None),
        None => Err(Page::<GroupView>::invalid_cursor()),
    }
}
