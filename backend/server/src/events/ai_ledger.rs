//! Events of the ledger of calls to the AI provider.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use belfry_ledger::{PicoDollars, Usage};
use belfry_telemetry::metric::OVERFLOW;

use crate::catalogue::{
    AI_BUDGET_DOLLARS, AI_BUDGET_EXCEEDED_TOTAL, AI_COST_DOLLARS_TOTAL, AI_TOKENS_TOTAL, AI_UNPRICED_REQUESTS_TOTAL,
};
use crate::labels::{AiOperation, AiOutcome, BudgetAmount, BudgetMode, BudgetName, BudgetPeriod, Pricing, TokenType};

/// The most models that have label values of their own; the others are `overflow` together.
const MAX_MODELS: usize = 50;

/// What calls of this process have cost, exactly: the metric is a float, and adding to one would lose digits.
static COSTS: LazyLock<Mutex<HashMap<(AiOperation, String), PicoDollars>>> = LazyLock::new(Mutex::default);

/// A model as a label's value.
pub fn model_label(model: &str) -> String {
    static MODELS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    label_among(&mut MODELS.lock().unwrap_or_else(PoisonError::into_inner), model)
}

fn label_among(models: &mut BTreeSet<String>, model: &str) -> String {
    if !models.contains(model) {
        if models.len() >= MAX_MODELS {
            return OVERFLOW.to_owned();
        }
        models.insert(model.to_owned());
    }
    model.to_owned()
}

/// How a call to the AI provider ended is in the ledger.
pub struct CallSettled<'a> {
    /// The row.
    pub id: &'a str,
    /// What for.
    pub operation: AiOperation,
    /// The model that was asked for.
    pub model: &'a str,
    /// How it ended.
    pub outcome: AiOutcome,
    /// What is known of its cost.
    pub pricing: Pricing,
    /// What was used, if that is known.
    pub usage: Option<Usage>,
    /// The cost, if it is known.
    pub cost: Option<PicoDollars>,
    /// What was reserved for it; none without a price.
    pub worst_case: Option<PicoDollars>,
    /// How long it took.
    pub latency: Duration,
}

impl CallSettled<'_> {
    /// Counts tokens and cost.
    pub fn emit(self) {
        let Self { id, operation, model, outcome, pricing, usage, cost, worst_case, latency } = self;
        let label = model_label(model);
        if let Some(usage) = usage {
            for (token_type, count) in [
                (TokenType::UncachedPrompt, usage.uncached_prompt),
                (TokenType::CacheRead, usage.cache_read),
                (TokenType::CacheWrite, usage.cache_writes()),
                (TokenType::VisibleOutput, usage.visible_output),
                (TokenType::Reasoning, usage.reasoning),
            ] {
                AI_TOKENS_TOTAL.with((operation, &label, token_type)).increment(count);
            }
        }
        if let Some(cost) = cost {
            let mut costs = COSTS.lock().unwrap_or_else(PoisonError::into_inner);
            let total = costs.entry((operation, label.clone())).or_default();
            *total += cost;
            AI_COST_DOLLARS_TOTAL.with((operation, &label)).set(total.to_dollars_f64());
        }
        if pricing == Pricing::Unpriced {
            AI_UNPRICED_REQUESTS_TOTAL.with(&label).increment(1);
        }
        let cost_dollars = cost.map(|cost| cost.to_string());
        let (tokens, latency_ms) = (usage.map(|usage| usage.total()), latency.as_millis() as u64);
        tracing::info!(id, %operation, model, %outcome, %pricing, tokens, cost_dollars, latency_ms, "AI call settled");
        if let (Some(cost), Some(worst_case)) = (cost, worst_case)
            && cost > worst_case
        {
            let worst_case_dollars = worst_case.to_string();
            tracing::error!(id, model, cost_dollars, worst_case_dollars, "AI call cost more than was reserved for it");
        }
    }
}

/// A call to the AI provider is beyond a budget.
pub struct BudgetExceeded<'a> {
    /// Which one.
    pub budget: BudgetName,
    /// Whether the call is made all the same.
    pub mode: BudgetMode,
    /// What for.
    pub operation: AiOperation,
    /// The model.
    pub model: &'a str,
}

impl BudgetExceeded<'_> {
    /// Counts it.
    pub fn emit(self) {
        let Self { budget, mode, operation, model } = self;
        AI_BUDGET_EXCEEDED_TOTAL.with((budget, mode)).increment(1);
        match mode {
            BudgetMode::Soft => tracing::warn!(%budget, %operation, model, "AI budget exceeded: the call is made"),
            BudgetMode::Hard => tracing::warn!(%budget, %operation, model, "AI budget exceeded: the call is refused"),
        }
    }
}

/// The budget of the present day or month, as the database has it.
pub struct BudgetReading {
    /// Of which.
    pub period: BudgetPeriod,
    /// The limit, if one is set.
    pub limit: Option<PicoDollars>,
    /// What is spent, if that could be read, and what is reserved and will be spent by the period's end.
    pub sums: Option<(PicoDollars, PicoDollars, PicoDollars)>,
}

impl BudgetReading {
    /// Sets the gauges; one that is not known is removed from the exposition.
    pub fn emit(self) {
        let Self { period, limit, sums } = self;
        let remaining = limit.zip(sums).map(|(limit, (spent, reserved, _))| limit - spent - reserved);
        for (kind, amount) in [
            (BudgetAmount::Limit, limit),
            (BudgetAmount::Spent, sums.map(|(spent, ..)| spent)),
            (BudgetAmount::Reserved, sums.map(|(_, reserved, _)| reserved)),
            (BudgetAmount::Remaining, remaining),
            (BudgetAmount::Projected, sums.map(|(.., projected)| projected)),
        ] {
            AI_BUDGET_DOLLARS.with((period, kind)).set(amount.map_or(f64::NAN, PicoDollars::to_dollars_f64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_past_the_fiftieth_are_one_label() {
        let mut models = BTreeSet::new();
        let labels: Vec<_> = (0..60).map(|number| label_among(&mut models, &format!("model {number}"))).collect();
        assert_eq!((labels[0].as_str(), labels[49].as_str(), labels[50].as_str()), ("model 0", "model 49", "overflow"));
        assert_eq!(label_among(&mut models, "model 0"), "model 0");
    }
}
