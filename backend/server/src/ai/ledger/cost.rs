//! What a call that has ended costs. Pure: everything is given.
//!
//! | How it ended | Cost without a report of what was used |
//! |---|---|
//! | `unreachable`, `refused`, `rate_limited`, `server_error`, `bad_request` | nothing: no provider bills what it did not take or answers with an error |
//! | `timeout`, `malformed`, `no_usage`, `truncated`, `cancelled`, `unknown` | not known: it may have been billed, so the worst case counts |
//!
//! With a report it is what the report says, however the call ended. A model without a price has no cost, whatever was used.

use belfry_ledger::{PicoDollars, PriceState, Prices, Query, Report, Usage};

use crate::labels::{AiOutcome, Pricing};

/// A call as far as its cost depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The model that was asked for.
    pub model: &'a str,
    /// Whose endpoint was asked.
    pub provider: Option<&'a str>,
    /// When it was reserved; the prices of that day apply.
    pub at: jiff::Timestamp,
    /// What was reserved; none for a model without a price.
    pub worst_case: Option<PicoDollars>,
}

/// What a call costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// As asked, but that an answer without its usage is no success.
    pub outcome: AiOutcome,
    /// What was used, if that is known.
    pub usage: Option<Usage>,
    /// What is known of the cost.
    pub pricing: Pricing,
    /// The cost, if it is known.
    pub cost: Option<PicoDollars>,
    /// What budgets count.
    pub counted: PicoDollars,
    /// The price that was applied.
    pub price: Option<String>,
}

/// The cost of a call that ended like this.
pub(super) fn cost_of(prices: &Prices, asked: Asked<'_>, outcome: AiOutcome, report: Option<&Report>) -> Cost {
    let usage = report.and_then(|report| report.usage);
    let outcome = if outcome == AiOutcome::Ok && usage.is_none() { AiOutcome::NoUsage } else { outcome };
    let (Some(report), Some(used)) = (report, usage) else { return without_usage(asked, outcome) };
    let answered = report.model.as_deref().unwrap_or(asked.model);
    let invoice_of = |model| {
        let provider = report.provider.as_deref().or(asked.provider);
        let query = Query { model, provider, service_tier: report.service_tier.as_deref(), at: asked.at };
        prices.pricing(&query).invoice(&used)
    };
    let invoice = invoice_of(answered);
    // Providers answer with names of their own, such as one with a date.
    let invoice = if invoice.state == PriceState::Unpriced { invoice_of(asked.model) } else { invoice };
    let pricing = match invoice.state {
        PriceState::Priced => Pricing::Priced,
        PriceState::Free => Pricing::Free,
        PriceState::Unpriced => Pricing::Unpriced,
    };
    // No price was found for what the call turned out to be: a budget that was promised its worst case keeps it.
    let counted = invoice.cost.or(asked.worst_case).unwrap_or_default();
    Cost { outcome, usage, pricing, cost: invoice.cost, counted, price: invoice.price_id }
}

fn without_usage(asked: Asked<'_>, outcome: AiOutcome) -> Cost {
    let (pricing, cost) = match (asked.worst_case, outcome) {
        (Some(PicoDollars::ZERO), _) => (Pricing::Free, Some(PicoDollars::ZERO)),
        (_, outcome) if is_never_billed(outcome) => (Pricing::Free, Some(PicoDollars::ZERO)),
        (None, _) => (Pricing::Unpriced, None),
        (Some(_), _) => (Pricing::Unknown, None),
    };
    let counted = cost.or(asked.worst_case).unwrap_or_default();
    Cost { outcome, usage: None, pricing, cost, counted, price: None }
}

/// Whether no provider bills a call that ended like this, unless it says what was used.
fn is_never_billed(outcome: AiOutcome) -> bool {
    matches!(
        outcome,
        AiOutcome::Unreachable
            | AiOutcome::Refused
            | AiOutcome::RateLimited
            | AiOutcome::ServerError
            | AiOutcome::BadRequest
    )
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    fn asked(worst_case: Option<i128>) -> Asked<'static> {
        let at = "2026-01-15T12:00:00Z".parse().unwrap();
        Asked { model: "m", provider: None, at, worst_case: worst_case.map(PicoDollars::new) }
    }

    #[test]
    fn a_call_without_usage_costs_nothing_only_if_that_is_certain() {
        let prices = Prices::bundled();
        for outcome in AiOutcome::iter() {
            let cost = cost_of(&prices, asked(Some(7)), outcome, None);
            let free = ["unreachable", "refused", "rate_limited", "server_error", "bad_request"];
            let is_free = free.contains(&<&str>::from(outcome));
            let expected = match is_free {
                true => (Pricing::Free, Some(PicoDollars::ZERO), PicoDollars::ZERO),
                false => (Pricing::Unknown, None, PicoDollars::new(7)),
            };
            assert_eq!((cost.pricing, cost.cost, cost.counted), expected, "{outcome}");
        }
        let unpriced = cost_of(&prices, asked(None), AiOutcome::Timeout, None);
        assert_eq!((unpriced.pricing, unpriced.cost, unpriced.counted), (Pricing::Unpriced, None, PicoDollars::ZERO));
        let free = cost_of(&prices, asked(Some(0)), AiOutcome::Timeout, None);
        assert_eq!((free.pricing, free.cost), (Pricing::Free, Some(PicoDollars::ZERO)));
    }

    #[test]
    fn an_answer_without_its_usage_is_no_success() {
        assert_eq!(cost_of(&Prices::bundled(), asked(Some(7)), AiOutcome::Ok, None).outcome, AiOutcome::NoUsage);
    }
}
