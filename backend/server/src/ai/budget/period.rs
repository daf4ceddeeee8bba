//! The days and months of budgets, in a time zone. Pure: the time is given, never read.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::labels::BudgetPeriod;

/// From its start, included, to its end, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub start: i64,
    /// The first moment after it.
    pub end: i64,
}

impl Period {
    /// The calendar day or month of this zone in which `time` is. Where clocks change at midnight, a day begins at its first
    /// moment that there is.
    pub fn around(time: i64, length: BudgetPeriod, zone: &TimeZone) -> Self {
        let date = date_of(time, zone);
        let (first, next) = match length {
            BudgetPeriod::Daily => (date, date.saturating_add(1.day())),
            BudgetPeriod::Monthly => (date.first_of_month(), date.first_of_month().saturating_add(1.month())),
        };
        // No time is outside of its own day; one that cannot be told is never over.
        Self {
            start: start_of(first, zone).unwrap_or(i64::MIN).min(time),
            end: start_of(next, zone).unwrap_or(i64::MAX).max(time.saturating_add(1)),
        }
    }
}

/// The date in this zone.
pub fn date_of(time: i64, zone: &TimeZone) -> Date {
    let time =
        Timestamp::from_microsecond(time.clamp(Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_microsecond()));
    time.unwrap_or_default().to_zoned(zone.clone()).date()
}

/// The first moment of a date in this zone; none at the ends of time.
pub fn start_of(date: Date, zone: &TimeZone) -> Option<i64> {
    Some(date.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(time: &str, length: BudgetPeriod, zone: &str) -> [String; 2] {
        let time = time.parse::<Timestamp>().unwrap().as_microsecond();
        let period = Period::around(time, length, &TimeZone::get(zone).unwrap());
        assert!((period.start..period.end).contains(&time), "{period:?}");
        [period.start, period.end].map(|time| Timestamp::from_microsecond(time).unwrap().to_string())
    }

    #[test]
    fn a_day_has_23_or_25_hours_when_clocks_change() {
        let day = |time| around(time, BudgetPeriod::Daily, "Europe/Berlin");
        assert_eq!(day("2026-03-29T00:30:00Z"), ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"]);
        assert_eq!(day("2026-10-25T22:59:59.999999Z"), ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]);
        assert_eq!(day("2026-10-25T23:00:00Z"), ["2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"]);
    }

    #[test]
    fn a_day_without_a_midnight_begins_at_one() {
        // Chile puts clocks forward at midnight.
        let day = |time| around(time, BudgetPeriod::Daily, "America/Santiago");
        assert_eq!(day("2026-09-06T12:00:00Z"), ["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]);
        assert_eq!(day("2026-09-06T03:59:59Z")[1], "2026-09-06T04:00:00Z");
    }

    #[test]
    fn a_month_begins_and_ends_by_the_zones_calendar() {
        let month = |time, zone| around(time, BudgetPeriod::Monthly, zone);
        assert_eq!(month("2026-02-28T22:59:59Z", "Europe/Berlin"), ["2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"]);
        assert_eq!(month("2026-02-28T23:00:00Z", "Europe/Berlin"), ["2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"]);
        assert_eq!(month("2028-02-29T12:00:00Z", "UTC"), ["2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"]);
        assert_eq!(month("2026-12-31T23:59:59Z", "UTC"), ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
    }

    #[test]
    fn the_ends_of_time_are_in_a_period() {
        for time in [i64::MIN, i64::MAX - 1, 0] {
            for length in [BudgetPeriod::Daily, BudgetPeriod::Monthly] {
                let period = Period::around(time, length, &TimeZone::UTC);
                assert!((period.start..period.end).contains(&time), "{period:?}");
            }
        }
    }
}
