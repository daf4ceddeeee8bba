//! The parameters of a query: parsed, bounded, and written anew for the source. What is not on the endpoint's list, or comes
//! twice, is refused rather than left out, so that a page learns of its mistake.

use std::borrow::Cow;
use std::time::Duration;

use url::form_urlencoded;

use super::endpoint::Endpoint;
use super::time::{Time, duration_text, parse_duration};
use crate::config::ViewerConfig;
use crate::error::{Error, Result};
use crate::labels::QuerySource;
use crate::request::shown;

/// The most of a list or of log lines that may be asked for.
const MAX_LIMIT: u32 = 50_000;

/// How far back Loki is asked where no start is given: as far as it looks by itself.
const LOKI_RANGE: Duration = Duration::from_secs(60 * 60);

/// A parameter that may be given.
pub(super) struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether there must be one.
    pub required: bool,
}

/// What a parameter may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An expression, a selector or a name, which is passed on as it is.
    Text,
    /// As many of these as wanted.
    Texts,
    /// A time.
    Time,
    /// The start of a time range.
    Start,
    /// Its end.
    End,
    /// The time from one point of a range to the next.
    Step,
    /// How long the source may take; the setting's time where that is shorter, or where there is none.
    Timeout,
    /// How many.
    Limit,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// The parameters that were received, as the source is sent them: `name=value&...`, encoded.
///
/// # Errors
/// 400 for unknown, doubled, missing and malformed ones, 422 for a query beyond the limits.
pub(super) fn rebuild<'p>(
    endpoint: &Endpoint,
    received: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    limits: &ViewerConfig,
    now: Time,
) -> Result<String> {
    let mut rebuilt = Rebuilt { endpoint, limits, pairs: Vec::new(), text_bytes: 0, range: Range::default() };
    for (name, value) in received {
        rebuilt.add(&name, &value)?;
    }
    rebuilt.check_required()?;
    rebuilt.add_start(now);
    rebuilt.range.check(limits, now)?;
    rebuilt.add_timeout();
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(rebuilt.pairs).finish())
}

struct Rebuilt<'e> {
    endpoint: &'e Endpoint,
    limits: &'e ViewerConfig,
    pairs: Vec<(&'static str, String)>,
    text_bytes: u64,
    range: Range,
}

impl Rebuilt<'_> {
    fn add(&mut self, name: &str, value: &str) -> Result<()> {
        let Some(parameter) = self.endpoint.parameters.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<&str> = self.endpoint.parameters.iter().map(|parameter| parameter.name).collect();
            let expected = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(invalid(format!("parameter: found {}, expected {expected}", shown(name))));
        };
        // As the sources have it.
        if value.is_empty() {
            return Ok(());
        }
        if parameter.kind != Kind::Texts && self.has(parameter.name) {
            return Err(invalid(format!("{name}: found two, expected one")));
        }
        let value = self.read(parameter, value)?;
        self.pairs.push((parameter.name, value));
        Ok(())
    }

    /// The value as the source is sent it.
    fn read(&mut self, parameter: &Parameter, value: &str) -> Result<String> {
        let name = parameter.name;
        match parameter.kind {
            Kind::Text | Kind::Texts => {
                self.text_bytes += (name.len() + value.len()) as u64;
                let most = self.limits.max_query_bytes;
                if self.text_bytes > most {
                    let detail =
                        format!("{name}: found a longer text, expected at most VIEWER__MAX_QUERY_BYTES ({most})");
                    return Err(Error::invalid("query_too_long", detail));
                }
                Ok(value.to_owned())
            }
            Kind::Time => Ok(self.time(name, value)?.to_text(self.endpoint.source)),
            Kind::Start => {
                let start = self.time(name, value)?;
                self.range.start = Some(start);
                Ok(start.to_text(self.endpoint.source))
            }
            Kind::End => {
                let end = self.time(name, value)?;
                self.range.end = Some(end);
                Ok(end.to_text(self.endpoint.source))
            }
            Kind::Step => {
                let step = duration(name, value)?;
                self.range.step = Some(step);
                Ok(duration_text(step))
            }
            Kind::Timeout => Ok(duration_text(duration(name, value)?.min(self.limits.query_timeout))),
            Kind::Limit => match value.parse::<u32>() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit.to_string()),
                _ => Err(invalid(format!("{name}: found {}, expected 1 to {MAX_LIMIT}", shown(value)))),
            },
            Kind::OneOf(words) => match words.iter().find(|word| **word == value) {
                Some(word) => Ok((*word).to_owned()),
                None => Err(invalid(format!("{name}: found {}, expected one of {}", shown(value), words.join(", ")))),
            },
        }
    }

    fn time(&self, name: &str, value: &str) -> Result<Time> {
        let expected = "seconds since 1970, or a time such as 2026-01-31T12:00:00Z";
        Time::parse(value, self.endpoint.source)
            .ok_or_else(|| invalid(format!("{name}: found {}, expected {expected}", shown(value))))
    }

    fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| *known == name)
    }

    fn check_required(&self) -> Result<()> {
        let mut required = self.endpoint.parameters.iter().filter(|parameter| parameter.required);
        match required.find(|parameter| !self.has(parameter.name)) {
            Some(missing) => Err(invalid(format!("{}: found none, expected one", missing.name))),
            None => Ok(()),
        }
    }

    /// Without a start a list would be of all time, and how far back Loki looks is its own default.
    fn add_start(&mut self, now: Time) {
        let may_have = self.endpoint.parameters.iter().any(|parameter| parameter.kind == Kind::Start);
        if !may_have || self.range.start.is_some() {
            return;
        }
        let longest = self.limits.max_query_range;
        let ago = if self.endpoint.source == QuerySource::Loki { longest.min(LOKI_RANGE) } else { longest };
        let start = self.range.end.unwrap_or(now).before(ago);
        self.range.start = Some(start);
        self.pairs.push(("start", start.to_text(self.endpoint.source)));
    }

    /// A source that is told how long it may take ends by itself what nobody waits for any more.
    fn add_timeout(&mut self) {
        let timeout = self.endpoint.parameters.iter().find(|parameter| parameter.kind == Kind::Timeout);
        if let Some(timeout) = timeout.filter(|timeout| !self.has(timeout.name)) {
            self.pairs.push((timeout.name, duration_text(self.limits.query_timeout)));
        }
    }
}

/// The time range of a query, as far as it has one.
#[derive(Default)]
struct Range {
    start: Option<Time>,
    end: Option<Time>,
    step: Option<Duration>,
}

impl Range {
    fn check(&self, limits: &ViewerConfig, now: Time) -> Result<()> {
        let Some(start) = self.start else { return Ok(()) };
        let Some(span) = self.end.unwrap_or(now).since(start) else {
            return Err(invalid("end: found a time before the start, expected a later one".to_owned()));
        };
        let longest = limits.max_query_range;
        if span > longest {
            let detail = format!(
                "time range: found {}, expected at most VIEWER__MAX_QUERY_RANGE ({}); choose a shorter one",
                span_text(span),
                span_text(longest)
            );
            return Err(Error::invalid("query_too_long", detail));
        }
        let Some(step) = self.step else { return Ok(()) };
        let (points, most) = (span.as_nanos() / step.as_nanos(), limits.max_query_points);
        if points > u128::from(most) {
            let detail = format!(
                "step: found one that makes {points} points of each series, expected at most VIEWER__MAX_QUERY_POINTS \
                 ({most}); choose a longer step or a shorter time range"
            );
            return Err(Error::invalid("query_too_many_points", detail));
        }
        Ok(())
    }
}

/// In days rather than months, whose length nobody knows exactly: `92 days 12h`.
fn span_text(span: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let (days, rest) = (span.as_secs() / DAY, Duration::from_secs(span.as_secs() % DAY));
    let days_text = format!("{days} day{}", if days == 1 { "" } else { "s" });
    match (days, rest.is_zero()) {
        (0, _) => humantime::format_duration(rest).to_string(),
        (_, true) => days_text,
        (_, false) => format!("{days_text} {}", humantime::format_duration(rest)),
    }
}

fn duration(name: &str, value: &str) -> Result<Duration> {
    parse_duration(value)
        .ok_or_else(|| invalid(format!("{name}: found {}, expected seconds, or a duration such as 15s", shown(value))))
}

fn invalid(detail: String) -> Error {
    Error::BadRequest { code: "invalid_query", detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// What a source is sent for a path and a query string, or the code and detail of the refusal.
    fn sent(variables: &[(&str, &str)], path: &str, query: &str) -> Result<String, (&'static str, String)> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let limits = Config::read(variables).unwrap().viewer;
        let endpoint = Endpoint::find(path).unwrap();
        let now = Time::parse("1700000000", endpoint.source).unwrap();
        rebuild(&endpoint, form_urlencoded::parse(query.as_bytes()), &limits, now)
            .map_err(|error| (error.code(), error.to_string()))
    }

    #[track_caller]
    fn is_refused(path: &str, query: &str, code: &str, detail: &str) {
        let (found, text) = sent(&[], path, query).expect_err(query);
        assert!(found == code && text.contains(detail), "{path}?{query}: {found} {text}");
    }

    #[test]
    fn what_is_sent_is_written_anew() {
        let cases = [
            ("prometheus/query", "query=up", "query=up&timeout=30.000"),
            (
                "prometheus/query",
                "query=up&time=2023-11-14T22:13:20Z&timeout=5s",
                "query=up&time=1700000000.000&timeout=5.000",
            ),
            ("prometheus/query", "query=up&timeout=10m", "query=up&timeout=30.000"),
            (
                "prometheus/query_range",
                "step=15s&end=20&start=10&query=rate(a%7Bb%3D%22%26c%22%7D%5B1m%5D)",
                "step=15.000&end=20.000&start=10.000&query=rate%28a%7Bb%3D%22%26c%22%7D%5B1m%5D%29&timeout=30.000",
            ),
            ("prometheus/series", "match[]=a&match%5B%5D=b&start=", "match%5B%5D=a&match%5B%5D=b&start=1692051200.000"),
            ("prometheus/alerts", "", ""),
            (
                "loki/query_range",
                "query=%7Ba%3D%22b%22%7D&start=1699999999000000000&limit=0100&direction=backward",
                "query=%7Ba%3D%22b%22%7D&start=1699999999000000000&limit=100&direction=backward",
            ),
            ("alertmanager/alerts", "active=true&filter=a%3Db&filter=c%3Dd", "active=true&filter=a%3Db&filter=c%3Dd"),
        ];
        for (path, query, expected) in cases {
            assert_eq!(sent(&[], path, query).as_deref(), Ok(expected), "{path}?{query}");
        }
    }

    #[test]
    fn line_ends_and_separators_stay_within_a_value() {
        let found = sent(&[], "prometheus/query", "query=a%0D%0AX-Scope-OrgID:+b%26time%3D1%23%00&time=1").unwrap();
        assert_eq!(found, "query=a%0D%0AX-Scope-OrgID%3A+b%26time%3D1%23%00&time=1.000&timeout=30.000");
    }

    #[test]
    fn what_is_not_on_the_list_or_malformed_is_refused() {
        let query = "prometheus/query";
        is_refused(query, "query=a&dedup=true", "invalid_query", "parameter: found \"dedup\", expected query, time,");
        is_refused(query, "query=a&start=1", "invalid_query", "parameter: found \"start\"");
        is_refused(query, "query=a&query=b", "invalid_query", "query: found two, expected one");
        is_refused(query, "time=1", "invalid_query", "query: found none, expected one");
        is_refused(query, "query=&time=1", "invalid_query", "query: found none, expected one");
        is_refused(query, "query=a&time=now", "invalid_query", "time: found \"now\", expected seconds since 1970");
        is_refused(query, "query=a&limit=0", "invalid_query", "limit: found \"0\", expected 1 to 50000");
        is_refused(query, "query=a&timeout=never", "invalid_query", "timeout: found \"never\"");
        is_refused("prometheus/alerts", "a=b", "invalid_query", "parameter: found \"a\", expected none");
        is_refused("prometheus/targets", "state=all", "invalid_query", "expected one of active, dropped, any");
        let range = "prometheus/query_range";
        is_refused(range, "query=a&start=1&end=2", "invalid_query", "step: found none");
        is_refused(range, "query=a&start=1&end=2&step=0", "invalid_query", "step: found \"0\"");
        is_refused(range, "query=a&start=2&end=1&step=1", "invalid_query", "end: found a time before the start");
        is_refused("loki/query_range", "query=a&start=1800000000", "invalid_query", "end: found a time before");
    }

    #[test]
    fn the_limits_are_those_of_the_settings() {
        let range = "prometheus/query_range";
        let day = "query=a&start=0&end=86400&step=60";
        assert!(sent(&[], range, day).is_ok());
        let (code, detail) = sent(&[("VIEWER__MAX_QUERY_RANGE", "1h")], range, day).unwrap_err();
        assert_eq!(code, "query_too_long");
        assert_eq!(
            detail,
            "time range: found 1 day, expected at most VIEWER__MAX_QUERY_RANGE (1h); choose a shorter one"
        );
        let (_, detail) = sent(&[], range, "query=a&start=0&end=8000000&step=60000").unwrap_err();
        assert!(detail.contains("found 92 days 14h 13m 20s, expected"), "{detail}");
        // 1440 steps.
        assert!(sent(&[("VIEWER__MAX_QUERY_POINTS", "1440")], range, day).is_ok());
        let (code, detail) = sent(&[("VIEWER__MAX_QUERY_POINTS", "1439")], range, day).unwrap_err();
        assert_eq!(code, "query_too_many_points");
        assert!(detail.contains("1440 points") && detail.contains("VIEWER__MAX_QUERY_POINTS (1439)"), "{detail}");
        let long = format!("query={}", "a".repeat(300));
        assert!(sent(&[], "prometheus/query", &long).is_ok());
        let (code, detail) = sent(&[("VIEWER__MAX_QUERY_BYTES", "256B")], "prometheus/query", &long).unwrap_err();
        assert_eq!(code, "query_too_long");
        assert!(detail.contains("VIEWER__MAX_QUERY_BYTES (256)"), "{detail}");
        // All selectors together.
        let many = "match[]=a&".repeat(100);
        let (code, _) = sent(&[("VIEWER__MAX_QUERY_BYTES", "256B")], "prometheus/series", &many).unwrap_err();
        assert_eq!(code, "query_too_long");
        // A list since a time that is long ago, until now.
        let (code, _) = sent(&[], "loki/labels", "start=0").unwrap_err();
        assert_eq!(code, "query_too_long");
    }
}
