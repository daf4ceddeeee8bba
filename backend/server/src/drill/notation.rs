//! The notation of `promtool test rules`: a series, and its values over time.

use std::fmt::Write as _;

use anyhow::{Context, bail, ensure};

/// The most values of one series, which bounds what a typing mistake can cost.
const MAX_VALUES: usize = 1_000_000;

/// A series and its values, one for each step; `None` where it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name of its metric.
    pub name: String,
    /// Its labels, in the order in which they are written.
    pub labels: Vec<(String, String)>,
    /// Its values.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// Reads `name{label="value"}` and values such as `0+10x5 _x3 stale`.
    pub fn parse(series: &str, values: &str) -> anyhow::Result<Self> {
        let (name, labels) = selector(series).with_context(|| format!("in the series `{series}`"))?;
        let values = sequence(values).with_context(|| format!("in the values `{values}` of `{series}`"))?;
        Ok(Self { name, labels, values })
    }

    /// The series as it is written on a page of metrics, without its value.
    pub fn identity(&self) -> String {
        let mut text = self.name.clone();
        for (index, (label, value)) in self.labels.iter().enumerate() {
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
            // Writing to a string does not fail.
            let _ = write!(text, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        if !self.labels.is_empty() {
            text.push('}');
        }
        text
    }
}

/// A number as Prometheus writes and reads it.
pub fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn selector(text: &str) -> anyhow::Result<(String, Vec<(String, String)>)> {
    let text = text.trim();
    let Some((name, rest)) = text.split_once('{') else { return Ok((metric_name(text)?, Vec::new())) };
    let name = metric_name(name.trim())?;
    let mut rest = rest.trim_start();
    let mut labels = Vec::new();
    while !rest.starts_with('}') {
        let (label, after) = rest.split_once('=').context("expected `label=\"value\"` or `}`")?;
        let (value, after) = quoted(after.trim_start())?;
        labels.push((label.trim().to_owned(), value));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').map_or(rest, str::trim_start);
    }
    ensure!(rest == "}", "found `{rest}`, expected the series to end with `}}`");
    Ok((name, labels))
}

fn metric_name(text: &str) -> anyhow::Result<String> {
    let letters = text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'));
    ensure!(letters && !text.is_empty(), "found `{text}`, expected the name of a metric");
    Ok(text.to_owned())
}

/// The string that the text begins with, and what follows it.
fn quoted(text: &str) -> anyhow::Result<(String, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'));
    let quote = quote.with_context(|| format!("found `{text}`, expected a string in quotes"))?;
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((index, letter)) = letters.next() {
        match letter {
            letter if letter == quote => return Ok((value, &text[index + 1..])),
            '\\' if quote != '`' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped @ ('\\' | '"' | '\''))) => value.push(escaped),
                other => bail!(
                    "found an escape `\\{}`, expected one of \\n \\t \\\\ \\\" \\'",
                    other.unzip().1.unwrap_or(' ')
                ),
            },
            letter => value.push(letter),
        }
    }
    bail!("found a string without an end: {text}")
}

fn sequence(text: &str) -> anyhow::Result<Vec<Option<f64>>> {
    let mut values = Vec::new();
    for item in text.split_whitespace() {
        let expected = || format!("found `{item}`, expected such as 5, 1x3, 0+10x5, 8-2x4, _, _x3 or stale");
        let (what, times) = match item.rsplit_once('x') {
            Some((what, times)) => (what, Some(times.parse::<usize>().with_context(expected)?)),
            None => (item, None),
        };
        ensure!(values.len() + times.unwrap_or(1) < MAX_VALUES, "more than {MAX_VALUES} values");
        match (what, times) {
            ("_", times) => values.extend(std::iter::repeat_n(None, times.unwrap_or(1))),
            ("stale", None) => values.push(None),
            (what, None) => values.push(Some(what.parse().with_context(expected)?)),
            (what, Some(times)) => {
                // A sign after the first letter, and not that of an exponent, parts the first value from the step.
                let letters = what.as_bytes();
                let sign = (1..letters.len())
                    .find(|at| matches!(letters[*at], b'+' | b'-') && !matches!(letters[at - 1], b'e' | b'E'));
                let (first, step) = sign.map_or((what, "0"), |at| what.split_at(at));
                let (first, step): (f64, f64) =
                    (first.parse().with_context(expected)?, step.parse().with_context(expected)?);
                // As promtool counts: the first value, and so many more. It adds up, as here.
                let mut value = first;
                for _ in 0..=times {
                    values.push(Some(value));
                    value += step;
                }
            }
        }
    }
    ensure!(!values.is_empty(), "found no value, expected at least one");
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Option<f64>> {
        Series::parse("m", text).unwrap().values
    }

    #[test]
    fn values_are_read_as_promtool_reads_them() {
        assert_eq!(values("5"), [Some(5.0)]);
        assert_eq!(values("1x2"), [Some(1.0); 3]);
        assert_eq!(values("0+10x2 stale"), [Some(0.0), Some(10.0), Some(20.0), None]);
        assert_eq!(values("8-2x2"), [Some(8.0), Some(6.0), Some(4.0)]);
        assert_eq!(values("-7+30x1"), [Some(-7.0), Some(23.0)]);
        assert_eq!(values("_ 1 _x2"), [None, Some(1.0), None, None]);
        assert_eq!(values("19e9-0.5e9x1"), [Some(19e9), Some(18.5e9)]);
        assert_eq!(values("1e-3x1 2E+3"), [Some(1e-3), Some(1e-3), Some(2e3)]);
        assert_eq!(values("+Inf -Inf"), [Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
        assert!(values("NaNx1")[1].unwrap().is_nan());
    }

    #[test]
    fn a_series_is_written_as_prometheus_reads_it() {
        let series = Series::parse(r#"m{a="x\\y", b='say "z"', c=`\d`}"#, "1").unwrap();
        assert_eq!(series.identity(), r#"m{a="x\\y",b="say \"z\"",c="\\d"}"#);
        assert_eq!(Series::parse("up", "1").unwrap().identity(), "up");
        assert_eq!([number(f64::NAN), number(f64::INFINITY), number(0.5)], ["NaN", "+Inf", "0.5"]);
    }

    #[test]
    fn what_is_not_the_notation_is_refused_by_name() {
        for (series, written, found) in [
            ("m", "1xmany", "`1xmany`"),
            ("m", "one", "`one`"),
            ("m", "stalex3", "`stalex3`"),
            ("m", "", "no value"),
            ("m", "{{schema:1}}", "`{{schema:1}}`"),
            ("m", "0x99999999", "more than 1000000 values"),
            ("m{a=1}", "1", "`1}`"),
            ("m{a=\"1\"", "1", "expected `label"),
            ("a b", "1", "`a b`"),
        ] {
            let error = format!("{:#}", Series::parse(series, written).unwrap_err());
            assert!(error.contains(found), "{series} {written}: {error}");
        }
    }
}
