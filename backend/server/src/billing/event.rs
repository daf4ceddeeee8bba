//! A billing event as its sender writes it, read into what is stored.
//!
//! ```json
//! {"type": "payment.succeeded", "timestamp": "2026-11-28T12:00:00Z", "data": {"customer_id": "cus_1",
//!   "subscription_id": "sub_1", "plan": "team", "amount_minor": 1900, "currency": "EUR"}}
//! ```

use iso_currency::Currency;
use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::labels::BillingEventType;
use crate::request::{parse_json, shown};

/// The longest id of a customer or a subscription, and the longest plan, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The largest amount, in minor units. JSON's numbers are exact up to nine times this in every language, and nine thousand such
/// amounts fit in a total.
const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000_000;

/// As much of an event as every event has.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
}

/// An event of a type that is kept. Fields that are not named here are ignored.
#[derive(Deserialize)]
struct Body {
    timestamp: Timestamp,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    customer_id: String,
    subscription_id: Option<String>,
    plan: Option<String>,
    amount_minor: Option<i64>,
    currency: Option<String>,
}

/// An event that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: BillingEventType,
    /// In microseconds since 1970 UTC.
    pub(super) occurred_at: i64,
    pub(super) customer_id: String,
    pub(super) subscription_id: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) amount: Option<Amount>,
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    /// In minor units of the currency.
    pub(super) minor: i64,
    pub(super) currency: Currency,
}

/// The type of an event, if events of it are kept.
///
/// # Errors
/// 400 for what is no JSON, 422 for what is not an object with a type.
pub(super) fn read_type(body: &[u8]) -> Result<Option<BillingEventType>> {
    let Head { kind } = parse_json(body)?;
    Ok(BillingEventType::kept(&kind))
}

/// What an event of this type says.
///
/// # Errors
/// 422 for a field that is missing, doubled, or not as expected.
pub(super) fn read(kind: BillingEventType, body: &[u8]) -> Result<Event> {
    let Body { timestamp, data } = parse_json(body)?;
    let Data { customer_id, subscription_id, plan, amount_minor, currency } = data;
    let amount = match (amount_minor, currency) {
        (Some(minor), Some(code)) => Some(Amount { minor: amount_of(minor)?, currency: currency_of(&code)? }),
        (None, None) if kind.is_payment() => return Err(missing("amount_minor and data.currency", kind)),
        (None, None) => None,
        (None, Some(_)) => return Err(missing("amount_minor", kind)),
        (Some(_), None) => return Err(missing("currency", kind)),
    };
    if subscription_id.is_none() && !kind.is_payment() {
        return Err(missing("subscription_id", kind));
    }
    Ok(Event {
        kind,
        occurred_at: timestamp.as_microsecond(),
        customer_id: id("customer_id", customer_id)?,
        subscription_id: subscription_id.map(|text| id("subscription_id", text)).transpose()?,
        plan: plan.map(|text| id("plan", text)).transpose()?,
        amount,
    })
}

/// An id as it was sent. Names and addresses of people are none, so that they do not come into the ledger by mistake.
fn id(field: &str, text: String) -> Result<String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    if (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_part) {
        return Ok(text);
    }
    let expected = format!("1 to {MAX_ID_BYTES} letters, digits, and _ - . :");
    Err(invalid(format!("data.{field}: found {}, expected {expected}", shown(&text))))
}

fn amount_of(minor: i64) -> Result<i64> {
    if (0..=MAX_AMOUNT_MINOR).contains(&minor) {
        return Ok(minor);
    }
    Err(invalid(format!(
        "data.amount_minor: found {minor}, expected 0 to {MAX_AMOUNT_MINOR} minor units of the currency"
    )))
}

/// The currency with this code. What is no money, such as gold, has no minor unit.
fn currency_of(code: &str) -> Result<Currency> {
    let currency =
        Currency::from_code(code).filter(|currency| currency.code() == code && exponent(*currency).is_some());
    currency.ok_or_else(|| {
        let found = shown(code);
        let detail = format!("data.currency: found {found}, expected the code of a currency in ISO 4217, such as EUR");
        Error::invalid("unknown_currency", detail)
    })
}

/// The power of ten by which an amount in minor units is divided for whole units: 2 for EUR, 0 for JPY, 3 for KWD. None for what
/// is no money.
pub(super) fn exponent(currency: Currency) -> Option<u16> {
    currency.exponent()
}

fn missing(field: &str, kind: BillingEventType) -> Error {
    invalid(format!("data.{field}: found none, expected one in this event of the type {}", kind.name()))
}

fn invalid(detail: String) -> Error {
    Error::invalid("invalid_event", detail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn payment() -> Value {
        json!({
            "type": "payment.succeeded", "timestamp": "2026-11-28T12:00:00.5Z", "api_version": 3,
            "data": {"customer_id": "cus_1", "amount_minor": 1900, "currency": "EUR", "email": "a@b.example"},
        })
    }

    fn read_text(text: &str) -> Result<Event> {
        let kind = read_type(text.as_bytes())?.expect("a type that is kept");
        read(kind, text.as_bytes())
    }

    /// The code and the detail of the refusal of a payment with this in its data.
    fn refused(field: &str, value: Value) -> (&'static str, String) {
        let mut event = payment();
        event["data"][field] = value;
        let error = read_text(&event.to_string()).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn an_event_is_read_with_its_ids_and_its_amount() {
        let expected = Event {
            kind: BillingEventType::PaymentSucceeded,
            occurred_at: 1_795_867_200_500_000,
            customer_id: "cus_1".to_owned(),
            subscription_id: None,
            plan: None,
            amount: Some(Amount { minor: 1_900, currency: Currency::EUR }),
        };
        assert_eq!(read_text(&payment().to_string()).unwrap(), expected);
        let started = json!({
            "type": "subscription.started", "timestamp": "2026-11-28T13:00:00+01:00",
            "data": {"customer_id": "cus_1", "subscription_id": "sub:1", "plan": "team-2.1"},
        });
        let started = read_text(&started.to_string()).unwrap();
        assert_eq!((started.occurred_at, started.amount), (1_795_867_200_000_000, None));
        assert_eq!((started.subscription_id.as_deref(), started.plan.as_deref()), (Some("sub:1"), Some("team-2.1")));
    }

    #[test]
    fn types_that_are_not_kept_are_told_apart() {
        assert_eq!(read_type(br#"{"type": "invoice.created"}"#).unwrap(), None);
        for name in ["other", "unread", "Payment.Succeeded", ""] {
            assert_eq!(read_type(json!({"type": name, "data": 7}).to_string().as_bytes()).unwrap(), None, "{name}");
        }
        assert_eq!(read_type(payment().to_string().as_bytes()).unwrap(), Some(BillingEventType::PaymentSucceeded));
    }

    #[test]
    fn amounts_are_whole_numbers_within_bounds() {
        for amount in [0, 1, MAX_AMOUNT_MINOR] {
            let mut event = payment();
            event["data"]["amount_minor"] = amount.into();
            assert_eq!(read_text(&event.to_string()).unwrap().amount.unwrap().minor, amount);
        }
        for amount in [-1, MAX_AMOUNT_MINOR + 1, i64::MAX, i64::MIN] {
            let (code, detail) = refused("amount_minor", amount.into());
            assert_eq!(code, "invalid_event", "{detail}");
            assert!(detail.starts_with(&format!("data.amount_minor: found {amount}, expected 0 to")), "{detail}");
        }
        for amount in [json!(1.5), json!("1900"), json!(true), json!(u64::MAX), json!([1]), json!(1e300)] {
            let (code, detail) = refused("amount_minor", amount.clone());
            assert_eq!(code, "invalid_body", "{detail}");
            assert!(detail.contains("data.amount_minor") && detail.contains("a whole number"), "{amount}: {detail}");
        }
    }

    #[test]
    fn currencies_are_those_of_iso_4217_that_are_money() {
        for (code, expected) in [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)] {
            assert_eq!(exponent(currency_of(code).unwrap()), Some(expected), "{code}");
        }
        for code in ["", "eur", "EU", "EURO", "ABC", "XAU", "XXX", "EUR ", "€"] {
            let (refused_as, detail) = refused("currency", code.into());
            assert_eq!(refused_as, "unknown_currency", "{code}: {detail}");
            assert!(detail.starts_with("data.currency: found \""), "{detail}");
        }
    }

    #[test]
    fn ids_are_short_and_no_addresses() {
        for text in ["", "a@b.example", "Ada Lovelace", "a\0b", "ü", &"a".repeat(MAX_ID_BYTES + 1)] {
            for field in ["customer_id", "subscription_id", "plan"] {
                let (code, detail) = refused(field, text.into());
                assert_eq!(code, "invalid_event", "{detail}");
                assert!(detail.starts_with(&format!("data.{field}: found ")), "{detail}");
            }
        }
        assert_eq!(refused("customer_id", Value::Null).0, "invalid_body");
    }

    #[test]
    fn fields_that_are_missing_or_doubled_are_named() {
        for (text, code, part) in [
            ("{}", "invalid_body", "type"),
            ("[]", "invalid_body", "an object"),
            ("{\"type\"", "invalid_json", "EOF"),
            ("\u{feff}{}", "invalid_json", "expected value"),
            (r#"{"type": "payment.succeeded"}"#, "invalid_body", "timestamp"),
            (r#"{"type": "payment.succeeded", "timestamp": "now", "data": {}}"#, "invalid_body", "timestamp"),
            (r#"{"type": "payment.succeeded", "timestamp": "2026-11-28T12:00:00Z"}"#, "invalid_body", "data"),
            (r#"{"type": "a", "type": "b"}"#, "invalid_body", "duplicate field `type`"),
            (
                r#"{"type": "payment.succeeded", "timestamp": "2026-11-28T12:00:00Z",
                    "data": {"customer_id": "a", "amount_minor": 1, "amount_minor": 2, "currency": "EUR"}}"#,
                "invalid_body",
                "duplicate field `amount_minor`",
            ),
            (
                r#"{"type": "payment.refunded", "timestamp": "2026-11-28T12:00:00Z", "data": {"customer_id": "a"}}"#,
                "invalid_event",
                "data.amount_minor and data.currency",
            ),
            (
                r#"{"type": "subscription.started", "timestamp": "2026-11-28T12:00:00Z",
                    "data": {"customer_id": "a", "subscription_id": "b", "amount_minor": 1}}"#,
                "invalid_event",
                "data.currency",
            ),
            (
                r#"{"type": "subscription.started", "timestamp": "2026-11-28T12:00:00Z", "data": {"customer_id": "a"}}"#,
                "invalid_event",
                "data.subscription_id",
            ),
        ] {
            let error = read_text(text).unwrap_err();
            assert_eq!(error.code(), code, "{text}: {error}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
