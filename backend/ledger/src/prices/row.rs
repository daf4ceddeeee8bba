//! Rows of a price file: models with their prices, and rules of what is free.

use std::collections::HashSet;

use jiff::civil::Date;
use toml::Table;

use super::cost::TokenPrices;
use super::error::PriceFileError;
use super::pattern::Pattern;
use super::table::Row;

/// Names of the standard service tier. It has the empty name in a row.
const STANDARD: [&str; 6] = ["", "standard", "default", "auto", "on_demand", "unspecified"];

/// One `[[model]]` or `[[free]]` of a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: String,
    /// Who serves it, in lower case; empty for anybody.
    pub providers: Vec<String>,
    pub names: Vec<Pattern>,
    /// Names that the rule does not hold for.
    pub except: Vec<Pattern>,
    pub terms: Terms,
}

#[derive(Clone, Debug)]
pub(crate) enum Terms {
    Free { from: Date },
    /// In order of their service tier, and then of their date.
    Priced(Vec<PriceRow>),
}

/// The prices of a model in a service tier from a date on.
#[derive(Clone, Debug)]
pub(crate) struct PriceRow {
    pub service: String,
    pub from: Date,
    pub base: TokenPrices,
    /// Prices of the whole call where its prompt has more tokens than this, in ascending order.
    pub above: Vec<(u64, TokenPrices)>,
}

impl PriceRow {
    /// The prices for a prompt of this size, and the size above which they begin; none for the base.
    pub fn tier(&self, prompt_tokens: u64) -> (Option<u64>, &TokenPrices) {
        let tier = self.above.iter().rev().find(|(above, _)| prompt_tokens > *above);
        tier.map_or((None, &self.base), |(above, prices)| (Some(*above), prices))
    }
}

/// A service tier as a row has it: `flex`, `priority`, `batch`, or empty for the standard one.
pub(crate) fn service_name(name: Option<&str>) -> String {
    let name = name.unwrap_or_default().trim().to_lowercase();
    let name = name.strip_prefix("on_demand_").unwrap_or(&name);
    match name {
        "batches" => "batch".to_owned(),
        name if STANDARD.contains(&name) => String::new(),
        name => name.to_owned(),
    }
}

/// Reads a `[[model]]`.
pub(crate) fn model(place: &str, table: &Table) -> Result<Entry, PriceFileError> {
    let row = Row::new(place, table, &["id", "names", "providers", "source", "prices"])?;
    row.source()?;
    let mut prices = Vec::new();
    for (at, table) in row.tables("prices")?.into_iter().enumerate() {
        prices.push(price_row(&format!("{place}, price {}", at + 1), table)?);
    }
    if prices.is_empty() {
        return Err(row.wrong("prices", "missing or empty", "a list of tables"));
    }
    let mut seen = HashSet::new();
    for (at, price) in prices.iter().enumerate() {
        if !seen.insert((&price.service, price.from)) {
            let found = format!("a second price from {} for the {} tier", price.from, shown_service(&price.service));
            return Err(PriceFileError::new(&format!("{place}, price {}", at + 1), found, "one for each date and service tier"));
        }
    }
    prices.sort_by(|left, right| (&left.service, left.from).cmp(&(&right.service, right.from)));
    entry(&row, Terms::Priced(prices))
}

/// Reads a `[[free]]`.
pub(crate) fn free(place: &str, table: &Table) -> Result<Entry, PriceFileError> {
    let row = Row::new(place, table, &["id", "names", "except", "providers", "source", "from"])?;
    row.source()?;
    let mut entry = entry(&row, Terms::Free { from: row.date("from")? })?;
    entry.except = patterns(&row, "except")?;
    Ok(entry)
}

fn entry(row: &Row<'_>, terms: Terms) -> Result<Entry, PriceFileError> {
    let names = patterns(row, "names")?;
    if names.is_empty() {
        return Err(row.wrong("names", "missing", "a list of model names, in which * is any text and # a digit"));
    }
    let providers = row.texts("providers")?.into_iter().map(|provider| provider.trim().to_lowercase()).collect();
    Ok(Entry { id: row.id("id")?.to_owned(), providers, names, except: Vec::new(), terms })
}

fn patterns(row: &Row<'_>, key: &str) -> Result<Vec<Pattern>, PriceFileError> {
    let parse = |text| Pattern::parse(text).map_err(|(found, expected)| PriceFileError::new(row.place, found, expected));
    row.texts(key)?.into_iter().map(parse).collect()
}

fn price_row(place: &str, table: &Table) -> Result<PriceRow, PriceFileError> {
    let keys = ["from", "service", "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning", "above"];
    let row = Row::new(place, table, &keys)?;
    let service = row.optional_text("service")?;
    if let Some(service) = service {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_+-".contains(&byte);
        if service.is_empty() || service.len() > 40 || !service.bytes().all(allowed) {
            return Err(row.wrong("service", &format!("`{}`", crate::excerpt::excerpt(service)), "1 to 40 of a to z, 0 to 9 and _+-"));
        }
    }
    let mut above: Vec<(u64, TokenPrices)> = Vec::new();
    for (at, table) in row.tables("above")?.into_iter().enumerate() {
        let place = format!("{place}, above {}", at + 1);
        let tier = Row::new(&place, table, &["prompt_tokens", "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning"])?;
        let tokens = tier.tokens("prompt_tokens")?;
        if let Some((before, _)) = above.last().filter(|(before, _)| *before >= tokens) {
            return Err(tier.wrong("prompt_tokens", &tokens.to_string(), format!("more than {before}, which the tier before it has")));
        }
        above.push((tokens, token_prices(&tier)?));
    }
    Ok(PriceRow { service: service_name(service), from: row.date("from")?, base: token_prices(&row)?, above })
}

fn token_prices(row: &Row<'_>) -> Result<TokenPrices, PriceFileError> {
    Ok(TokenPrices {
        input: row.price("input")?,
        cache_read: row.optional_price("cache_read")?,
        cache_write: row.optional_price("cache_write")?,
        cache_write_1h: row.optional_price("cache_write_1h")?,
        output: row.price("output")?,
        reasoning: row.optional_price("reasoning")?,
    })
}

/// A service tier in a message.
pub(crate) fn shown_service(service: &str) -> &str {
    if service.is_empty() { "standard" } else { service }
}
