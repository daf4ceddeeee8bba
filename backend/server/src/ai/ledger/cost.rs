//! What a call that has ended costs. Pure: everything is given.
//!
//! | How it ended | Cost without a report of what was used |
//! |---|---|
//! | `unreachable`, `refused`, `rate_limited`, `server_error`, `bad_request` | nothing: no provider bills what it did not take or answers with an error |
//! | `timeout`, `malformed`, `no_usage`, `truncated`, `cancelled`, `unknown` | not known: it may have been billed, so the worst case counts |
//!
//! With a report it is what the report says, however the call ended. A model without a price has no cost, whatever was used.
//! An answer cannot make a call free for which a price was reserved. Budgets count what the provider says that it billed, itself
//! or its upstream, where that is more.

use belfry_ledger::{DecimalText, Invoice, PicoDollars, PriceState, Prices, Query, Report, Usage};

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
    let (Some(report), Some(used)) = (report, usage) else {
        let cost = without_usage(asked, outcome);
        let billed = report.map(billed).unwrap_or_default();
        return Cost { counted: cost.counted.max(billed), ..cost };
    };
    let invoice = invoice_of(prices, asked, report, &used);
    let pricing = match invoice.state {
        PriceState::Priced => Pricing::Priced,
        PriceState::Free => Pricing::Free,
        PriceState::Unpriced => Pricing::Unpriced,
    };
    // No price was found for what the call turned out to be: a budget that was promised its worst case keeps it.
    let counted = invoice.cost.or(asked.worst_case).unwrap_or_default().max(billed(report));
    Cost { outcome, usage, pricing, cost: invoice.cost, counted, price: invoice.price_id }
}

/// The invoice by the first of these names that has a price: the answered model at the provider that the answer names, at the one
/// that was asked, and the model that was asked for.
fn invoice_of(prices: &Prices, asked: Asked<'_>, report: &Report, used: &Usage) -> Invoice {
    let invoice = |model, provider| {
        let query = Query { model, provider, service_tier: report.service_tier.as_deref(), at: asked.at };
        prices.pricing(&query).invoice(used)
    };
    let own = || invoice(asked.model, asked.provider);
    let was_free = asked.worst_case == Some(PicoDollars::ZERO);
    if was_free {
        let invoice = own();
        if invoice.state == PriceState::Free {
            return invoice;
        }
    }
    let answered = report.model.as_deref().unwrap_or(asked.model);
    let as_asked = invoice(answered, asked.provider);
    if let Some(provider) = report.provider.as_deref() {
        let routed = invoice(answered, Some(provider));
        // What costs nothing by the name of its provider alone does so only at the provider that was asked.
        let is_usable = match routed.state {
            PriceState::Priced => true,
            PriceState::Free => was_free,
            PriceState::Unpriced => false,
        };
        if is_usable {
            return routed;
        }
    }
    let is_usable = match as_asked.state {
        PriceState::Priced => true,
        PriceState::Free => asked.worst_case.is_none_or(|worst_case| worst_case == PicoDollars::ZERO),
        PriceState::Unpriced => false,
    };
    if is_usable {
        return as_asked;
    }
    if is_name_of(answered, asked.model) {
        return own();
    }
    Invoice { state: PriceState::Unpriced, cost: None, price_id: None }
}

/// Whether a model that answers under this name is the one that was asked for: providers add a date or a variant, and routers
/// the vendor.
fn is_name_of(answered: &str, asked: &str) -> bool {
    let (answered, asked) = (answered.to_lowercase(), asked.to_lowercase());
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    answered.starts_with(&asked) || last(&answered).starts_with(&asked) || answered.starts_with(&last(&asked))
}

/// What the provider says that it billed, itself or its upstream, rounded up.
fn billed(report: &Report) -> PicoDollars {
    let told = [&report.provider_cost, &report.upstream_cost];
    told.into_iter().flatten().filter_map(DecimalText::to_pico_dollars_up).max().unwrap_or_default()
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

    const PRICES: &str = r#"
        [[model]]
        id = "m"
        names = ["m"]
        source = "a test"
        [[model.prices]]
        from = "2000-01-01"
        input = "1"
        output = "1"
        [[model]]
        id = "own"
        names = ["own"]
        providers = ["openai"]
        source = "a test"
        [[model.prices]]
        from = "2000-01-01"
        input = "2"
        output = "2"
        [[free]]
        id = "local"
        providers = ["vllm", "ollama"]
        names = ["*"]
        source = "a test"
        from = "2000-01-01"
        [[free]]
        id = "variant"
        names = ["*:free"]
        source = "a test"
        from = "2000-01-01"
    "#;

    /// State, cost and what is counted of a call that used one token; the asked one, its provider, and what was reserved.
    fn priced(asked: (&str, Option<&str>, Option<i128>), answer: &str) -> (Pricing, Option<i128>, i128) {
        let at = "2026-01-15T12:00:00Z".parse().unwrap();
        let (model, provider, worst_case) = asked;
        let asked = Asked { model, provider, at, worst_case: worst_case.map(PicoDollars::new) };
        let usage = r#""prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1"#;
        let body = format!(r#"{{"object": "chat.completion", {}}}"#, answer.replace("USED", usage));
        let report = belfry_ledger::read_response(body.as_bytes()).unwrap();
        let cost = cost_of(&Prices::parse(PRICES).unwrap(), asked, AiOutcome::Ok, Some(&report));
        (cost.pricing, cost.cost.map(PicoDollars::get), cost.counted.get())
    }

    #[test]
    fn no_answer_makes_a_priced_call_free() {
        const M: (&str, Option<&str>, Option<i128>) = ("m", Some("openai"), Some(7_000_000));
        let by_price = (Pricing::Priced, Some(1_000_000), 1_000_000);
        for answer in [
            r#""model": "m", "provider": "vllm", "usage": {USED}"#,
            r#""model": "m", "system_fingerprint": "fp_ollama", "usage": {USED}"#,
            r#""model": "m:free", "usage": {USED}"#,
            r#""model": "m:free", "provider": "ollama", "usage": {USED}"#,
        ] {
            assert_eq!(priced(M, answer), by_price, "{answer}");
        }
        let other = priced(M, r#""model": "x", "provider": "vllm", "usage": {USED}"#);
        assert_eq!(other, (Pricing::Unpriced, None, 7_000_000));
        let unpriced = priced(("x", None, None), r#""model": "x", "provider": "vllm", "usage": {USED}"#);
        assert_eq!(unpriced, (Pricing::Unpriced, None, 0));
    }

    #[test]
    fn what_was_reserved_as_free_is_free() {
        let free = (Pricing::Free, Some(0), 0);
        assert_eq!(priced(("m:free", None, Some(0)), r#""model": "m", "usage": {USED}"#), free);
        assert_eq!(priced(("m", Some("vllm"), Some(0)), r#""model": "m", "provider": "x", "usage": {USED}"#), free);
        let billed = priced(("m:free", None, Some(0)), r#""model": "m", "usage": {USED, "cost": 0.5}"#);
        assert_eq!(billed, (Pricing::Free, Some(0), 500_000_000_000));
    }

    #[test]
    fn a_price_is_found_by_names_of_answer_or_request() {
        let by_own = (Pricing::Priced, Some(2_000_000), 2_000_000);
        let own = ("own", Some("openai"), Some(7_000_000));
        assert_eq!(priced(own, r#""model": "own", "provider": "Somewhere", "usage": {USED}"#), by_own);
        for (name, is_it) in
            [("own-2026-01-01", true), ("vendor/own-2", true), ("OWN-x", true), ("ow", false), ("x", false)]
        {
            let expected = if is_it { by_own } else { (Pricing::Unpriced, None, 7_000_000) };
            let answer = format!(r#""model": "{name}", "provider": "Somewhere", "usage": {{USED}}"#);
            assert_eq!(priced(own, &answer), expected, "{name}");
        }
    }

    #[test]
    fn budgets_count_what_the_provider_billed_if_it_is_more() {
        let m = ("m", None, Some(7_000_000));
        let priced = |usage: &str| priced(m, &format!(r#""model": "m", "usage": {{{usage}}}"#));
        let counted = |counted| (Pricing::Priced, Some(1_000_000), counted);
        assert_eq!(priced(r#"USED, "cost": 0.0000005"#), counted(1_000_000));
        assert_eq!(priced(r#"USED, "cost": 0.0000090000001"#), counted(9_000_001));
        let upstream = r#"USED, "cost": 0.000002, "cost_details": {"upstream_inference_cost": 0.00003}"#;
        assert_eq!(priced(upstream), counted(30_000_000));
        assert_eq!(priced(r#""cost": 0.00001"#), (Pricing::Unknown, None, 10_000_000), "without usage");
    }

    #[test]
    fn an_answer_without_its_usage_is_no_success() {
        assert_eq!(cost_of(&Prices::bundled(), asked(Some(7)), AiOutcome::Ok, None).outcome, AiOutcome::NoUsage);
    }
}
