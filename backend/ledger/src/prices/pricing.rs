//! What is known of the price of one call, and its cost.

use super::row::PriceRow;
use crate::money::PicoDollars;
use crate::usage::Usage;

/// What is known of the price of a call.
#[derive(Clone, Copy, Debug)]
pub enum Pricing<'a> {
    /// A row of the file has its price.
    Priced(PricedRow<'a>),
    /// A rule of the file says that it costs nothing.
    Free(FreeRule<'a>),
    /// The file has neither: the cost is unknown, and not zero.
    Unpriced,
}

/// The row of a price file that has a call's price.
#[derive(Clone, Copy, Debug)]
pub struct PricedRow<'a> {
    pub(super) id: &'a str,
    pub(super) row: &'a PriceRow,
}

/// The rule of a price file by which a call is free.
#[derive(Clone, Copy, Debug)]
pub struct FreeRule<'a> {
    pub(super) id: &'a str,
}

/// The three states of a price, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceState {
    /// The cost is known.
    Priced,
    /// The cost is zero, by a rule.
    Free,
    /// The cost is not known.
    Unpriced,
}

/// What one call costs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Whether the cost is known. `Unpriced` also where a row was found that lacks the price of a bucket with tokens.
    pub state: PriceState,
    /// The cost; none exactly where the state is `Unpriced`.
    pub cost: Option<PicoDollars>,
    /// The row, with its date, service tier and prompt tier, or the rule: a stable text for storing, of at most 200
    /// bytes of printable ASCII, such as `openai/gpt-5@2025-08-07`, `openai/gpt-5@2025-08-07+flex`,
    /// `google/gemini-2.5-pro@2025-06-17>200000` or `free/ollama`. None where no row was found.
    pub price_id: Option<String>,
}

impl PriceState {
    /// A stable name for storing and for labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Priced => "priced",
            Self::Free => "free",
            Self::Unpriced => "unpriced",
        }
    }
}

impl PricedRow<'_> {
    /// The row's part of [`Invoice::price_id`], for a prompt of this size.
    fn price_id(&self, prompt_tokens: u64) -> String {
        let service = if self.row.service.is_empty() { String::new() } else { format!("+{}", self.row.service) };
        let tier = self.row.tier(prompt_tokens).0.map(|above| format!(">{above}")).unwrap_or_default();
        format!("{}@{}{service}{tier}", self.id, self.row.from)
    }
}

impl Pricing<'_> {
    /// The cost of a usage: the sum over the buckets, exact, and rounded once, at the end, to the nearest pico-dollar,
    /// half to even. None where it is not known. Zero only where the call is free, or used no tokens, or so few at so low
    /// a price that they cost half a pico-dollar at most.
    ///
    /// A bucket with tokens whose price the row does not give: what was read from a cache costs as other input, which is
    /// never too low; reasoning costs as visible output, which all providers document; what was written to a cache makes
    /// the cost unknown, since those who count it may ask more than for other input.
    pub fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        match self {
            Self::Priced(priced) => priced.row.tier(usage.prompt()).1.cost(usage),
            Self::Free(_) => Some(PicoDollars::ZERO),
            Self::Unpriced => None,
        }
    }

    /// The cost of a usage, with the state and the row to be stored with it.
    pub fn invoice(&self, usage: &Usage) -> Invoice {
        let cost = self.cost(usage);
        let (state, price_id) = match self {
            Self::Priced(priced) => {
                let state = if cost.is_some() { PriceState::Priced } else { PriceState::Unpriced };
                (state, Some(priced.price_id(usage.prompt())))
            }
            Self::Free(rule) => (PriceState::Free, Some(rule.id.to_owned())),
            Self::Unpriced => (PriceState::Unpriced, None),
        };
        Invoice { state, cost, price_id }
    }

    /// The most that a call can cost that has at most this many tokens in its prompt and in its output, reasoning
    /// included: the dearest bucket of each, in the dearest tier that such a prompt can reach. Never less than
    /// [`Pricing::cost`] of any usage within these bounds. None where the price is not known.
    pub fn worst_case(&self, prompt_tokens: u64, max_output_tokens: u64) -> Option<PicoDollars> {
        match self {
            Self::Priced(priced) => {
                let reachable = priced.row.above.iter().filter(|(above, _)| prompt_tokens > *above).map(|(_, prices)| prices);
                let all = std::iter::once(&priced.row.base).chain(reachable);
                all.map(|prices| prices.worst_case(prompt_tokens, max_output_tokens)).max()
            }
            Self::Free(_) => Some(PicoDollars::ZERO),
            Self::Unpriced => None,
        }
    }
}
