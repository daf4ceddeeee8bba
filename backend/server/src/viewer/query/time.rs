//! Times and durations in parameters, as Prometheus and Loki read them.

use std::time::Duration;

use jiff::Timestamp;

use crate::labels::QuerySource;

const NANOS: i128 = 1_000_000_000;

/// The end of the year 9999.
const LATEST: i128 = 253_402_300_799 * NANOS;

/// A time in nanoseconds since 1970; not before that, and not after the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(i128);

impl Time {
    /// The present time.
    pub fn now() -> Self {
        Self(Timestamp::now().as_nanosecond())
    }

    /// Reads seconds since 1970, with a fraction or without, or a time as RFC 3339 has it. Loki takes a whole number of more
    /// than ten digits for nanoseconds (its HTTP API, "Timestamps").
    pub fn parse(text: &str, source: QuerySource) -> Option<Self> {
        if text.contains([':', 'T', 't']) {
            let time: Timestamp = text.parse().ok()?;
            return Self::within(time.as_nanosecond());
        }
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=19).contains(&whole.len()) && fraction.is_none_or(|fraction| fraction.len() <= 30);
        if !fits || !are_digits(whole) || !fraction.is_none_or(are_digits) {
            return None;
        }
        let number: i128 = whole.parse().ok()?;
        match fraction {
            None if source == QuerySource::Loki && whole.len() > 10 => Self::within(number),
            None => Self::within(number * NANOS),
            Some(fraction) => {
                let nanos: i128 = format!("{fraction:0<9}")[..9].parse().ok()?;
                Self::within(number * NANOS + nanos)
            }
        }
    }

    fn within(nanos: i128) -> Option<Self> {
        (0..=LATEST).contains(&nanos).then_some(Self(nanos))
    }

    /// The text by which a source is told of it, to the millisecond that Prometheus has.
    pub fn to_text(self, source: QuerySource) -> String {
        match source {
            // So many digits that they cannot be taken for seconds.
            QuerySource::Loki => format!("{:019}", self.0),
            _ => format!("{}.{:03}", self.0 / NANOS, self.0 % NANOS / 1_000_000),
        }
    }

    /// So much earlier; 1970 at the earliest.
    pub fn before(self, ago: Duration) -> Self {
        Self((self.0 - i128::try_from(ago.as_nanos()).unwrap_or(i128::MAX)).max(0))
    }

    /// The time from an earlier one to this one. Nothing if the other is later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let nanos = u128::try_from(self.0 - earlier.0).ok()?;
        Some(Duration::new(u64::try_from(nanos / NANOS as u128).ok()?, (nanos % NANOS as u128) as u32))
    }
}

/// Reads seconds, with a fraction or without, or a duration such as `15s` and `1h30m`; at least a millisecond, at most ten years.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = match is_number {
        true => Duration::try_from_secs_f64(text.parse().ok()?).ok()?,
        false => humantime::parse_duration(text).ok()?,
    };
    // In whole milliseconds, which is what is written.
    let whole = Duration::from_millis(u64::try_from(duration.as_millis()).ok()?);
    (!whole.is_zero() && whole <= LONGEST).then_some(whole)
}

/// A duration in seconds, as every source reads it.
pub(super) fn duration_text(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS: QuerySource = QuerySource::Prometheus;
    const LOKI: QuerySource = QuerySource::Loki;

    #[test]
    fn times_are_read_as_their_source_reads_them() {
        let cases = [
            ("1700000000", PROMETHEUS, "1700000000.000"),
            ("1700000000.5", PROMETHEUS, "1700000000.500"),
            ("1700000000.123456789", PROMETHEUS, "1700000000.123"),
            ("2023-11-14T22:13:20Z", PROMETHEUS, "1700000000.000"),
            ("2023-11-14T23:13:20.25+01:00", PROMETHEUS, "1700000000.250"),
            ("0", PROMETHEUS, "0.000"),
            ("1700000000", LOKI, "1700000000000000000"),
            ("1700000000000000001", LOKI, "1700000000000000001"),
            ("1700000000.5", LOKI, "1700000000500000000"),
        ];
        for (text, source, expected) in cases {
            let time = Time::parse(text, source).unwrap_or_else(|| panic!("{text} is not read"));
            assert_eq!(time.to_text(source), expected, "{text}");
            // What is written is read as the same time.
            let again = Time::parse(expected, source).unwrap();
            assert_eq!(again.to_text(source), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in
            ["", "now", "-1", "+1", "1e9", "NaN", "Inf", "0x1", "1.2.3", ".5", "1 ", "999999999999", "T", "1:2", "١"]
        {
            assert_eq!(Time::parse(text, PROMETHEUS), None, "{text:?}");
        }
        assert_eq!(Time::parse(&"9".repeat(400), LOKI), None);
        assert_eq!(Time::parse(&format!("1.{}", "9".repeat(400)), LOKI), None);
    }

    #[test]
    fn a_span_is_the_time_between_two() {
        let at = |text: &str| Time::parse(text, PROMETHEUS).unwrap();
        assert_eq!(at("12.5").since(at("10")), Some(Duration::from_millis(2_500)));
        assert_eq!(at("10").since(at("10")), Some(Duration::ZERO));
        assert_eq!(at("9").since(at("10")), None);
    }

    #[test]
    fn durations_are_seconds_or_have_units() {
        for (text, expected) in
            [("15", "15.000"), ("0.5", "0.500"), ("15s", "15.000"), ("1h30m", "5400.000"), ("100ms", "0.100")]
        {
            assert_eq!(parse_duration(text).map(duration_text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "0", "-1", "0.0001", "1e400", "soon", "15x", "1.2.3", ".", "99999999999", "1e3", "NaN"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }
}
