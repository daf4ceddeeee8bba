//! Which time a request is about.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ai::budget::period::{Period, start_of};
use crate::error::{Error, Result};
use crate::labels::BudgetPeriod;
use crate::request::shown;

/// The longest range.
const MAX_DAYS: i64 = 366;
const DAY: i64 = 86_400_000_000;

/// From a time, included, to another, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub from: i64,
    /// None: to the last call there is.
    pub to: Option<i64>,
}

impl Range {
    /// The range of a request: from the first of the month, unless it says so.
    ///
    /// # Errors
    /// 400 for what is no time, for an end before the beginning, and for more than 366 days.
    pub fn parse(from: Option<&str>, to: Option<&str>, now: i64, zone: &TimeZone) -> Result<Self> {
        let to = to.map(|text| time("to", text, zone)).transpose()?;
        let from = match from {
            Some(text) => time("from", text, zone)?,
            None => Period::around(to.map_or(now, |to| to.saturating_sub(1)), BudgetPeriod::Monthly, zone).start,
        };
        if to.is_some_and(|to| to <= from) {
            return Err(refused("to: found a time that is not after `from`, expected a later one".to_owned()));
        }
        // A day more, as one of them may have 25 hours.
        if to.unwrap_or(now).saturating_sub(from) > (MAX_DAYS + 1) * DAY {
            return Err(refused(format!("from: found more than {MAX_DAYS} days before `to`, expected no more")));
        }
        Ok(Self { from, to })
    }
}

/// `2026-11-28`, which is the beginning of that day in the zone, or `2026-11-28T12:00:00Z`.
fn time(parameter: &str, text: &str, zone: &TimeZone) -> Result<i64> {
    let date = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-28".len());
    let time = match date {
        Some(date) => start_of(date, zone),
        None => text.parse::<Timestamp>().ok().map(|time| time.as_microsecond()),
    };
    time.ok_or_else(|| {
        let found = shown(text);
        refused(format!(
            "{parameter}: found {found}, expected a date such as 2026-11-28, or a time such as 2026-11-28T12:00:00Z"
        ))
    })
}

fn refused(detail: String) -> Error {
    Error::BadRequest { code: "invalid_query", detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn range(from: Option<&str>, to: Option<&str>) -> Result<Range> {
        Range::parse(from, to, micros("2026-11-28T12:00:00Z"), &TimeZone::get("Europe/Berlin").unwrap())
    }

    #[test]
    fn dates_are_those_of_the_zone_and_times_of_their_own() {
        let found = range(Some("2026-10-25"), Some("2026-10-26")).unwrap();
        let expected = Range { from: micros("2026-10-24T22:00:00Z"), to: Some(micros("2026-10-25T23:00:00Z")) };
        assert_eq!(found, expected);
        let found = range(Some("2026-11-01T00:00:00+05:30"), None).unwrap();
        assert_eq!(found, Range { from: micros("2026-10-31T18:30:00Z"), to: None });
        assert_eq!(range(None, None).unwrap().from, micros("2026-10-31T23:00:00Z"));
        assert_eq!(range(None, Some("2026-11-01")).unwrap().from, micros("2026-09-30T22:00:00Z"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (from, to, expected) in [
            (Some("yesterday"), None, "from: found \"yesterday\", expected a date"),
            (Some(""), None, "from: found \"\""),
            (Some("2026-13-01"), None, "from: found \"2026-13-01\""),
            (Some("2026-11-01T00:00:00"), None, "from: found"),
            (None, Some("2026-11-01\0"), "to: found"),
            (Some("2026-11-02"), Some("2026-11-02"), "to: found a time that is not after"),
            (Some("2025-11-01"), None, "from: found more than 366 days"),
            (Some("-009999-01-01"), None, "from: found"),
            (None, Some("9999-12-31"), "to: found"),
        ] {
            let error = range(from, to).unwrap_err();
            assert_eq!(error.code(), "invalid_query");
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        assert!(range(Some("2025-11-28"), Some("2026-11-29")).is_ok());
    }
}
