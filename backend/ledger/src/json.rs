//! Objects of a response, whose numbers are read from their text.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::decimal::{Decimal, DecimalText};
use crate::error::UsageError;
use crate::excerpt::excerpt;
use crate::usage::MAX_TOKENS;

/// Most characters of a text that identifies a call: a model, a provider, an id.
const MAX_TEXT_CHARACTERS: usize = 200;

/// The most that a provider can say a call cost, in dollars.
const MAX_COST_DOLLARS: u128 = 1_000_000;

/// One object of a response: its path in the body, and its fields, of which none is read until it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Object<'a> {
    path: String,
    fields: Fields<'a>,
}

/// An object's fields in order, with their text.
#[derive(Clone, Debug)]
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'a> Object<'a> {
    /// A whole body.
    pub fn parse(body: &'a [u8]) -> Result<Self, UsageError> {
        match serde_json::from_slice(body) {
            Ok(fields) => Ok(Self { path: String::new(), fields }),
            Err(error) if error.is_data() => {
                Err(UsageError::NotAnObject { found: "JSON of another type".to_owned() })
            }
            Err(error) => Err(UsageError::NotAnObject { found: format!("not JSON ({error})") }),
        }
    }

    /// The path of a field in the body.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether a field is there, and not null.
    pub fn has(&self, key: &str) -> bool {
        self.fields.0.iter().any(|(name, value)| name == key && value.get() != "null")
    }

    /// Whether a field is there, be it null.
    pub fn has_key(&self, key: &str) -> bool {
        self.fields.0.iter().any(|(name, _)| name == key)
    }

    /// A field that is there and not null. Two of one name are an error, since it is unknown which of them counts.
    fn get(&self, key: &str) -> Result<Option<&'a RawValue>, UsageError> {
        let mut found = self.fields.0.iter().filter(|(name, _)| name == key);
        let first = found.next();
        if found.next().is_some() {
            return Err(self.wrong(key, "there twice", "one value"));
        }
        Ok(first.map(|(_, value)| *value).filter(|value| value.get() != "null"))
    }

    /// An error about a field.
    pub fn wrong(&self, key: &str, found: impl Into<String>, expected: impl Into<String>) -> UsageError {
        UsageError::Field { field: self.path_of(key), found: found.into(), expected: expected.into() }
    }

    /// A field that is an object.
    pub fn object(&self, key: &str) -> Result<Option<Object<'a>>, UsageError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        match serde_json::from_str(value.get()) {
            Ok(fields) => Ok(Some(Self { path: self.path_of(key), fields })),
            Err(_) => Err(self.wrong(key, shown(value), "an object")),
        }
    }

    /// A field that is a list of objects.
    pub fn objects(&self, key: &str) -> Result<Vec<Object<'a>>, UsageError> {
        let Some(value) = self.get(key)? else { return Ok(Vec::new()) };
        match serde_json::from_str::<Vec<Fields<'a>>>(value.get()) {
            Ok(items) => {
                let path = |at: usize| format!("{}[{at}]", self.path_of(key));
                Ok(items.into_iter().enumerate().map(|(at, fields)| Self { path: path(at), fields }).collect())
            }
            Err(_) => Err(self.wrong(key, shown(value), "a list of objects")),
        }
    }

    /// A text that identifies something: without control characters, which some databases refuse, and cut. None where
    /// the field is of another type, since nothing is computed from it.
    pub fn text(&self, key: &str) -> Option<String> {
        let value = self.fields.0.iter().find(|(name, _)| name == key)?.1;
        let text: String = serde_json::from_str(value.get()).ok()?;
        let text: String = text.chars().filter(|character| !character.is_control()).take(MAX_TEXT_CHARACTERS).collect();
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A count of tokens: a whole number, as a number or as a text.
    pub fn count(&self, key: &str) -> Result<Option<u64>, UsageError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        let whole = number_text(value).as_deref().and_then(Decimal::parse).and_then(|decimal| {
            match decimal.scaled(0)? {
                (units, crate::decimal::Rest::None) if !decimal.is_negative() => u64::try_from(units).ok(),
                _ => None,
            }
        });
        match whole {
            Some(count) if count <= MAX_TOKENS => Ok(Some(count)),
            _ => Err(self.wrong(key, shown(value), format!("a whole number of tokens from 0 to {MAX_TOKENS}"))),
        }
    }

    /// A count that is needed.
    pub fn needed_count(&self, key: &str) -> Result<u64, UsageError> {
        self.count(key)?.ok_or_else(|| self.wrong(key, "missing", "a whole number of tokens"))
    }

    /// One count that goes by several names, by the first of those that are there. They must agree.
    pub fn count_by_any(&self, keys: &[&str]) -> Result<Option<u64>, UsageError> {
        let mut first: Option<(&str, u64)> = None;
        for key in keys {
            match (first, self.count(key)?) {
                (None, Some(count)) => first = Some((key, count)),
                (Some((name, known)), Some(count)) if known != count => {
                    return Err(self.wrong(key, count.to_string(), format!("{known}, as in {}", self.path_of(name))));
                }
                _ => {}
            }
        }
        Ok(first.map(|(_, count)| count))
    }

    /// Refuses a count that is billed apart from text.
    pub fn refuse_other_than_text(&self, key: &str) -> Result<(), UsageError> {
        match self.count(key)? {
            None | Some(0) => Ok(()),
            Some(count) => Err(UsageError::NotText { field: self.path_of(key), found: count.to_string() }),
        }
    }

    /// A cost in dollars, as a number or as a text.
    pub fn cost(&self, key: &str) -> Result<Option<DecimalText>, UsageError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        let text = number_text(value).and_then(|text| {
            let decimal = Decimal::parse(&text)?;
            let (dollars, _) = decimal.scaled(0)?;
            if decimal.is_negative() || dollars >= MAX_COST_DOLLARS { None } else { DecimalText::new(&text) }
        });
        match text {
            Some(text) => Ok(Some(text)),
            None => {
                Err(self.wrong(key, shown(value), format!("a number of dollars from 0 to less than {MAX_COST_DOLLARS}")))
            }
        }
    }
}

/// The text of a number, or of a text that may be one.
fn number_text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(value.get()).ok().map(|text| text.trim().to_owned()),
        Some(b'-' | b'0'..=b'9') => Some(value.get().to_owned()),
        _ => None,
    }
}

/// A value in a message.
fn shown(value: &RawValue) -> String {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "a list".to_owned(),
        _ => excerpt(value.get()),
    }
}
