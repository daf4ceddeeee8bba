//! A price file, and the price of one call in it.

use jiff::Timestamp;

use crate::money::PicoDollars;
use crate::usage::Usage;

/// A price file, parsed and validated. Parsing is slow against a lookup: keep it.
#[derive(Clone, Debug)]
pub struct Prices {}

/// Why a text is not a price file: the row, what was found and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {found}, expected {expected}")]
pub struct PriceFileError {
    /// The row, such as `model "gpt-5", price from 2025-08-07`, or the line for what is not TOML.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What is expected there.
    pub expected: String,
}

/// The call whose price is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The model as answered, or as asked for where the answer names none. Case and a leading `models/` do not matter.
    pub model: &'a str,
    /// Who serves the model: the provider as routed ([`Report::provider`](crate::Report::provider)), or else the
    /// provider whose endpoint is asked, such as `openai` or `ollama`.
    pub provider: Option<&'a str>,
    /// The service tier as answered. None, `standard`, `default`, `auto` and `on_demand` are the standard tier.
    pub service_tier: Option<&'a str>,
    /// When the call took place.
    pub at: Timestamp,
}

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
    id: &'a str,
}

/// The rule of a price file by which a call is free.
#[derive(Clone, Copy, Debug)]
pub struct FreeRule<'a> {
    id: &'a str,
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
    /// bytes of printable ASCII, such as `openai/gpt-5@2025-08-07`, `google/gemini-2.5-pro@2025-06-17>200000`,
    /// `openai/gpt-5@2025-08-07+flex` or `free/ollama`. None where no row was found.
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

impl Prices {
    /// The price file of this version of the program, `infra/ai-prices.toml`.
    pub fn bundled() -> Self {
        Self {}
    }

    /// Parses and validates a price file.
    ///
    /// # Errors
    ///
    /// A [`PriceFileError`] for the first row that is wrong.
    pub fn parse(text: &str) -> Result<Self, PriceFileError> {
        let _ = text;
        Ok(Self {})
    }

    /// The price of a call. A row for the query's provider comes before one for any provider; of its prices of the
    /// service tier, the latest that began on or before the day (UTC) of the call counts.
    pub fn pricing(&self, query: &Query<'_>) -> Pricing<'_> {
        let _ = query;
        Pricing::Unpriced
    }

    /// The most that a call can cost whatever service tier the provider answers it in, for reserving a budget before the
    /// call: the greatest [`Pricing::worst_case`] of all service tiers the file has at that time. None where the standard
    /// tier or the query's own is unpriced.
    pub fn worst_case(&self, query: &Query<'_>, prompt_tokens: u64, max_output_tokens: u64) -> Option<PicoDollars> {
        let _ = (query, prompt_tokens, max_output_tokens);
        None
    }
}

impl Pricing<'_> {
    /// The cost of a usage: the sum over the buckets, exact, and rounded once, at the end, to the nearest pico-dollar,
    /// half to even. None where it is not known. Zero only where it is free or no tokens were used.
    pub fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        self.invoice(usage).cost
    }

    /// The cost of a usage, with the state and the row to be stored with it.
    pub fn invoice(&self, usage: &Usage) -> Invoice {
        let _ = usage;
        Invoice { state: PriceState::Unpriced, cost: None, price_id: None }
    }

    /// The most that a call can cost that has at most this many tokens in its prompt and in its output, reasoning
    /// included: never less than [`Pricing::cost`] of any usage within these bounds. None where it is not known.
    pub fn worst_case(&self, prompt_tokens: u64, max_output_tokens: u64) -> Option<PicoDollars> {
        let _ = (prompt_tokens, max_output_tokens);
        None
    }
}
