//! A price file, and the price of one call in it.
//!
//! `infra/ai-prices.toml` explains the format at its head, and is the file of this version of the program.

mod cost;
mod error;
mod pattern;
mod pricing;
mod row;
mod table;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Table;

use crate::money::PicoDollars;

pub use error::PriceFileError;
pub use pricing::{FreeRule, Invoice, PriceState, PricedRow, Pricing};
pub use table::MAX_PRICE;

use pattern::Pattern;
use row::{Entry, PriceRow, Terms, service_name};
pub(crate) use table::price_units;
use table::Row;

/// The price file of this version of the program.
const BUNDLED: &str = include_str!("../../../../infra/ai-prices.toml");

/// A price file, parsed and validated. Parsing is slow against a lookup: keep it.
#[derive(Clone, Debug)]
pub struct Prices {
    entries: Vec<Entry>,
    /// Names without `*` and `#`, each with its provider, empty for any, and the place of its entry.
    literals: HashMap<(String, String), usize>,
    /// All others.
    patterns: Vec<(String, Pattern, usize)>,
}

/// The call whose price is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The model as answered, or as asked for where the answer names none. Case and a leading `models/` do not matter.
    pub model: &'a str,
    /// Who serves the model: the provider as routed ([`Report::provider`](crate::Report::provider)), or else the
    /// provider whose endpoint is asked, such as `openai`, `ollama` or `vllm`. Case does not matter. What is free because
    /// it runs on a machine of one's own is known by its provider alone.
    pub provider: Option<&'a str>,
    /// The service tier as answered. None, `standard`, `default`, `auto` and `on_demand` are the standard tier.
    pub service_tier: Option<&'a str>,
    /// When the call took place.
    pub at: Timestamp,
}

impl Prices {
    /// The price file of this version of the program, `infra/ai-prices.toml`.
    pub fn bundled() -> Self {
        Self::parse(BUNDLED).expect("a test parses the bundled price file")
    }

    /// The text of the price file of this version of the program.
    pub fn bundled_text() -> &'static str {
        BUNDLED
    }

    /// Parses and validates a price file.
    ///
    /// # Errors
    ///
    /// A [`PriceFileError`] for the first row that is wrong.
    pub fn parse(text: &str) -> Result<Self, PriceFileError> {
        let file: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            PriceFileError::new(&format!("line {line}"), error.message(), "TOML")
        })?;
        let root = Row::new("the file", &file, &["free", "model"])?;
        let mut prices = Self { entries: Vec::new(), literals: HashMap::new(), patterns: Vec::new() };
        for (kind, read) in [("free", row::free as fn(&str, &Table) -> _), ("model", row::model)] {
            for (at, table) in root.tables(kind)?.into_iter().enumerate() {
                let id = table.get("id").and_then(toml::Value::as_str);
                let place = id.map_or_else(|| format!("{kind} {}", at + 1), |id| format!("{kind} `{}`", crate::excerpt::excerpt(id)));
                prices.add(&place, read(&place, table)?)?;
            }
        }
        if prices.entries.is_empty() {
            return Err(PriceFileError::new("the file", "no row", "[[model]] or [[free]]"));
        }
        Ok(prices)
    }

    /// Adds an entry whose id and names no other has.
    fn add(&mut self, place: &str, entry: Entry) -> Result<(), PriceFileError> {
        if self.entries.iter().any(|other| other.id == entry.id) {
            return Err(PriceFileError::new(place, "an id that another row has", "an id of its own"));
        }
        let at = self.entries.len();
        let any = [String::new()];
        let providers = if entry.providers.is_empty() { &any[..] } else { &entry.providers };
        for provider in providers {
            for name in &entry.names {
                if let Some(other) = self.overlapping(provider, name) {
                    let of = if provider.is_empty() { String::new() } else { format!(" of provider `{provider}`") };
                    let found = format!("the name `{}`{of}, which `{}` has or can match too", name.as_str(), self.entries.get(other).map_or(&entry.id, |other| &other.id));
                    return Err(PriceFileError::new(place, found, "each model in one row"));
                }
                if name.is_literal() {
                    self.literals.insert((provider.clone(), name.as_str().to_owned()), at);
                } else {
                    self.patterns.push((provider.clone(), name.clone(), at));
                }
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The entry of a name that a new one would be confused with.
    fn overlapping(&self, provider: &str, name: &Pattern) -> Option<usize> {
        let of_provider = self.patterns.iter().filter(|(other, ..)| other == provider);
        let mut found = of_provider.filter(|(_, pattern, _)| pattern.overlaps(name)).map(|(.., at)| *at);
        let literal = if name.is_literal() {
            self.literals.get(&(provider.to_owned(), name.as_str().to_owned())).copied()
        } else {
            self.literals.iter().find(|((other, text), _)| other == provider && name.matches(text)).map(|(_, at)| *at)
        };
        literal.or_else(|| found.next())
    }

    /// The price of a call. A row for the query's provider comes before one for any provider; of its prices of the
    /// service tier, the latest that began on or before the day (UTC) of the call counts.
    pub fn pricing(&self, query: &Query<'_>) -> Pricing<'_> {
        let Some(entry) = self.entry(query) else { return Pricing::Unpriced };
        let day = query.at.to_zoned(TimeZone::UTC).date();
        match &entry.terms {
            Terms::Free { from } if *from <= day => Pricing::Free(FreeRule { id: &entry.id }),
            Terms::Free { .. } => Pricing::Unpriced,
            Terms::Priced(rows) => match row_at(rows, &service_name(query.service_tier), day) {
                Some(row) => Pricing::Priced(PricedRow { id: &entry.id, row }),
                None => Pricing::Unpriced,
            },
        }
    }

    /// The most that a call can cost in whatever service tier the provider answers it, for reserving a budget where the
    /// tier is left to the provider: the greatest [`Pricing::worst_case`] of all tiers that the file has at that time.
    /// Where the tier is known, [`Pricing::worst_case`] reserves less. None where the query's own tier is unpriced.
    pub fn worst_case(&self, query: &Query<'_>, prompt_tokens: u64, max_output_tokens: u64) -> Option<PicoDollars> {
        let own = self.pricing(query).worst_case(prompt_tokens, max_output_tokens)?;
        let Some(Terms::Priced(rows)) = self.entry(query).map(|entry| &entry.terms) else { return Some(own) };
        let of_tiers = rows.iter().filter_map(|row| {
            let query = Query { service_tier: Some(&row.service), ..*query };
            self.pricing(&query).worst_case(prompt_tokens, max_output_tokens)
        });
        of_tiers.chain([own]).max()
    }

    fn entry(&self, query: &Query<'_>) -> Option<&Entry> {
        let name = query.model.trim().to_lowercase();
        let name = name.strip_prefix("models/").unwrap_or(&name);
        let provider = query.provider.unwrap_or_default().trim().to_lowercase();
        let own = if provider.is_empty() { None } else { self.entry_of(&provider, name) };
        own.or_else(|| self.entry_of("", name))
    }

    fn entry_of(&self, provider: &str, name: &str) -> Option<&Entry> {
        let literal = self.literals.get(&(provider.to_owned(), name.to_owned()));
        let by_pattern = || self.patterns.iter().find(|(other, pattern, _)| other == provider && pattern.matches(name)).map(|(.., at)| at);
        let entry = self.entries.get(*literal.or_else(by_pattern)?)?;
        (!entry.except.iter().any(|pattern| pattern.matches(name))).then_some(entry)
    }
}

/// The latest row of a service tier that began on this day or before; rows are in order of their dates.
fn row_at<'a>(rows: &'a [PriceRow], service: &str, day: Date) -> Option<&'a PriceRow> {
    rows.iter().rev().find(|row| row.service == service && row.from <= day)
}
