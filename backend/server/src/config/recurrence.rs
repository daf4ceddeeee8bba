//! How often a job runs: an interval, or a cron expression in a time zone. Pure: the time is given, never read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use belfry_telemetry::settings;
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::timestamp::micros;

/// Scheduled times that were missed are counted up to this many: each needs an evaluation of the cron expression.
const MAX_MISSED: u64 = 1_000;

/// The bounds of an interval.
const MIN_INTERVAL: &str = "1s";
const MAX_INTERVAL: &str = "366d";

/// When a job is due, as a setting says it.
#[derive(Clone, Debug)]
pub enum Recurrence {
    /// From one start to the next.
    Every(Duration),
    /// At the times a cron expression names.
    At(Box<Cron>),
}

impl Recurrence {
    /// Reads `6h`, or `0 3 * * *`: minute, hour, day of month, month, day of week; with seconds before, if there are six.
    ///
    /// # Errors
    /// What is expected instead, for a setting's line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = format!(
            "an interval such as 6h ({MIN_INTERVAL} to {MAX_INTERVAL}), or a cron expression such as `0 3 * * *` \
             (minute hour day month weekday)"
        );
        if settings::duration(text).is_ok() {
            let interval = settings::duration_between(MIN_INTERVAL, MAX_INTERVAL)(text);
            return interval.map(Self::Every).map_err(|_| expected);
        }
        let cron = Cron::from_str(text).map_err(|_| expected)?;
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        match cron.find_next_occurrence(&now, false) {
            Ok(_) => Ok(Self::At(Box::new(cron))),
            Err(_) => Err("a cron expression that some day matches".to_owned()),
        }
    }

    /// The first scheduled time after `time`, both in microseconds since 1970.
    ///
    /// Where clocks are put forward, a time in the skipped hour comes at its end; where they are put back, a fixed time
    /// comes once.
    pub fn next_after(&self, time: i64, zone: &TimeZone) -> i64 {
        match self {
            Self::Every(interval) => time.saturating_add(micros(*interval).max(1)),
            Self::At(cron) => next_occurrence(cron, time, zone).unwrap_or(i64::MAX),
        }
    }

    /// How many scheduled times lie after `due` and not after `now`: those missed while nobody ran the job due at `due`.
    pub fn missed(&self, due: i64, now: i64, zone: &TimeZone) -> u64 {
        match self {
            Self::Every(interval) => ((now - due).max(0) / micros(*interval).max(1)).unsigned_abs(),
            Self::At(cron) => {
                let times =
                    std::iter::successors(next_occurrence(cron, due, zone), |time| next_occurrence(cron, *time, zone));
                times.take_while(|time| *time <= now).take(MAX_MISSED as usize).count() as u64
            }
        }
    }
}

fn next_occurrence(cron: &Cron, time: i64, zone: &TimeZone) -> Option<i64> {
    let time = Timestamp::from_microsecond(time).ok()?.to_zoned(zone.clone());
    let next = cron.find_next_occurrence(&time, false).ok()?;
    Some(next.timestamp().as_microsecond())
}

impl fmt::Display for Recurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(formatter, "every {}", humantime::format_duration(*interval)),
            Self::At(cron) => write!(formatter, "{}", cron.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros_of(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    /// The next `count` scheduled times after `time`, as RFC 3339 UTC.
    fn scheduled(text: &str, zone: &str, time: &str, count: usize) -> Vec<String> {
        let (recurrence, zone) = (Recurrence::parse(text).unwrap(), TimeZone::get(zone).unwrap());
        let next = |time: &i64| Some(recurrence.next_after(*time, &zone));
        let times = std::iter::successors(Some(micros_of(time)), next).skip(1).take(count);
        times.map(|time| Timestamp::from_microsecond(time).unwrap().to_string()).collect()
    }

    #[test]
    fn a_daily_time_keeps_its_hour_over_both_clock_changes() {
        // Berlin: forward on 2026-03-29 at 01:00 UTC, back on 2026-10-25 at 01:00 UTC.
        let spring = scheduled("0 3 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(spring, ["2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]);
        let autumn = scheduled("0 3 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", 3);
        assert_eq!(autumn, ["2026-10-24T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"]);
    }

    #[test]
    fn a_skipped_time_comes_later_and_a_repeated_one_once() {
        let skipped = scheduled("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(skipped, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let repeated = scheduled("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(repeated.len(), 2);
        assert!(repeated[0].starts_with("2026-10-25T0"), "{repeated:?}");
        assert!(repeated[1].starts_with("2026-10-26T01:30"), "{repeated:?}");
    }

    #[test]
    fn an_interval_ignores_clock_changes() {
        let times = scheduled("12h", "Europe/Berlin", "2026-03-28T18:00:00Z", 2);
        assert_eq!(times, ["2026-03-29T06:00:00Z", "2026-03-29T18:00:00Z"]);
    }

    #[test]
    fn missed_times_are_counted() {
        let zone = TimeZone::UTC;
        let missed = |text: &str, due: &str, now: &str| {
            Recurrence::parse(text).unwrap().missed(micros_of(due), micros_of(now), &zone)
        };
        assert_eq!(missed("10m", "2026-01-01T00:00:00Z", "2026-01-01T00:09:59Z"), 0);
        assert_eq!(missed("10m", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), 6);
        assert_eq!(missed("0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T02:59:59Z"), 0);
        assert_eq!(missed("0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-04T03:00:00Z"), 3);
        assert_eq!(missed("* * * * * *", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), MAX_MISSED);
    }

    #[test]
    fn an_invalid_recurrence_says_what_is_expected() {
        for text in ["0 3 * *", "61 * * * *", "often", "0s", "999ms", "367d"] {
            assert!(Recurrence::parse(text).unwrap_err().starts_with("an interval such as 6h"), "{text}");
        }
        assert_eq!(Recurrence::parse("0 0 30 2 *").unwrap_err(), "a cron expression that some day matches");
    }
}
