//! Tables of a price file, read key by key, with errors that name the row.

use jiff::civil::Date;
use toml::{Table, Value};

use super::error::PriceFileError;
use crate::decimal::{Decimal, Rest};
use crate::excerpt::excerpt;

/// The greatest price, in dollars for a million tokens. The dearest known is 600; with [`MAX_TOKENS`](crate::MAX_TOKENS)
/// in each bucket, a call still costs less than an `i64` of pico-dollars.
pub const MAX_PRICE: u32 = 1_000;

/// Decimal places of a price: the last is 10^-18 dollars a token.
const PRICE_PLACES: i64 = 12;

/// A price for a token in units of 10^-18 dollars, which are as many 10^-12 dollars for a million tokens.
pub(crate) type PriceUnits = u64;

/// A table and the row that messages call it.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub place: &'a str,
    table: &'a Table,
}

impl<'a> Row<'a> {
    /// A table that has no other keys than these.
    pub fn new(place: &'a str, table: &'a Table, keys: &[&str]) -> Result<Self, PriceFileError> {
        match table.keys().find(|key| !keys.contains(&key.as_str())) {
            None => Ok(Self { place, table }),
            Some(key) => {
                let expected = format!("one of {}", keys.join(", "));
                Err(PriceFileError::new(place, format!("the key `{}`", excerpt(key)), expected))
            }
        }
    }

    /// An error about a key.
    pub fn wrong(&self, key: &str, found: &str, expected: impl Into<String>) -> PriceFileError {
        PriceFileError::new(self.place, format!("`{key}` is {found}"), expected)
    }

    /// A text, which may be left out.
    pub fn optional_text(&self, key: &str) -> Result<Option<&'a str>, PriceFileError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &shown(other), "a text in quotes")),
        }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<&'a str, PriceFileError> {
        self.optional_text(key)?.ok_or_else(|| self.wrong(key, "missing", "a text in quotes"))
    }

    /// An id: printable ASCII that needs no quoting anywhere.
    pub fn id(&self, key: &str) -> Result<&'a str, PriceFileError> {
        let id = self.text(key)?;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._:/-".contains(&byte);
        if id.is_empty() || id.len() > 100 || !id.bytes().all(allowed) {
            let expected = "1 to 100 of a to z, 0 to 9 and ._:/-";
            return Err(self.wrong(key, &format!("`{}`", excerpt(id)), expected));
        }
        Ok(id)
    }

    /// A source: an address, or where it was read.
    pub fn source(&self) -> Result<&'a str, PriceFileError> {
        match self.text("source")? {
            "" => Err(self.wrong("source", "empty", "where the price was read")),
            source => Ok(source),
        }
    }

    /// A list of texts, none of them empty; an empty list where it is left out.
    pub fn texts(&self, key: &str) -> Result<Vec<&'a str>, PriceFileError> {
        let expected = "a list of texts in quotes";
        match self.table.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.is_empty() => Err(self.wrong(key, "an empty list", expected)),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().filter(|text| !text.is_empty()).ok_or_else(|| self.wrong(key, "a list with other items", expected)))
                .collect(),
            Some(other) => Err(self.wrong(key, &shown(other), expected)),
        }
    }

    /// A list of tables; an empty list where it is left out.
    pub fn tables(&self, key: &str) -> Result<Vec<&'a Table>, PriceFileError> {
        let expected = "a list of tables";
        match self.table.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_table().ok_or_else(|| self.wrong(key, "a list with other items", expected)))
                .collect(),
            Some(other) => Err(self.wrong(key, &shown(other), expected)),
        }
    }

    /// A date.
    pub fn date(&self, key: &str) -> Result<Date, PriceFileError> {
        let expected = "a date such as \"2026-11-01\", in quotes";
        let text = match self.table.get(key) {
            Some(Value::String(text)) => text,
            None => return Err(self.wrong(key, "missing", expected)),
            Some(other) => return Err(self.wrong(key, &shown(other), expected)),
        };
        let date = if text.len() == 10 { text.parse().ok() } else { None };
        date.ok_or_else(|| self.wrong(key, &format!("`{}`", excerpt(text)), expected))
    }

    /// A number of tokens above zero.
    pub fn tokens(&self, key: &str) -> Result<u64, PriceFileError> {
        let expected = "a whole number above 0";
        match self.table.get(key) {
            Some(Value::Integer(tokens)) if *tokens > 0 => Ok(tokens.unsigned_abs()),
            None => Err(self.wrong(key, "missing", expected)),
            Some(other) => Err(self.wrong(key, &shown(other), expected)),
        }
    }

    /// A price for a million tokens in dollars, as decimal text; it may be left out.
    pub fn optional_price(&self, key: &str) -> Result<Option<PriceUnits>, PriceFileError> {
        let expected = format!("dollars for a million tokens as decimal text, such as \"1.25\", above 0, at most {MAX_PRICE}, with at most {PRICE_PLACES} decimals");
        let text = match self.table.get(key) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(other) => return Err(self.wrong(key, &shown(other), expected)),
        };
        price_units(text).map(Some).ok_or_else(|| {
            let of_a_free_model = if Decimal::parse(text).is_some_and(|decimal| decimal.is_zero()) { "; what is free has a rule in [[free]]" } else { "" };
            self.wrong(key, &format!("`{}`", excerpt(text)), format!("{expected}{of_a_free_model}"))
        })
    }

    /// A price that is needed.
    pub fn price(&self, key: &str) -> Result<PriceUnits, PriceFileError> {
        self.optional_price(key)?.ok_or_else(|| self.wrong(key, "missing", "a price"))
    }
}

/// A price as decimal text in units; none where it is not one.
pub(crate) fn price_units(text: &str) -> Option<PriceUnits> {
    let decimal = Decimal::parse(text).filter(|decimal| !decimal.is_negative() && !text.contains(['e', 'E']))?;
    let (units, rest) = decimal.scaled(PRICE_PLACES)?;
    let greatest = u128::from(MAX_PRICE) * 10_u128.pow(12);
    (rest == Rest::None && (1..=greatest).contains(&units)).then(|| u64::try_from(units).ok()).flatten()
}

/// A value in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
        other => format!("`{}`", excerpt(&other.to_string())),
    }
}
