//! The one change that a drill makes to rules: every duration in them is divided by one factor. Nothing else is touched, so that
//! what fires in a drill is what fires in the field, sooner.
//!
//! Durations are those of `for`, `keep_firing_for` and a group's `interval`, and in expressions the ranges, the subqueries and
//! `offset`. Numbers are left alone, as seconds in a threshold are.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// How often Prometheus scrapes and evaluates in a drill that replays.
pub const TICK: Duration = Duration::from_millis(250);

/// No range is shorter than four scrapes, so that rates keep the samples they need.
const LEAST_RANGE: Duration = Duration::from_secs(1);

/// What a duration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// How long something must last, or how far back it was.
    Span,
    /// A window that is looked over.
    Range,
    /// How often something is done.
    Interval,
}

/// A duration in a text.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub place: Range<usize>,
    /// What it is for.
    pub role: Role,
    /// How long it is.
    pub length: Duration,
}

/// A duration divided by `factor`.
pub fn shortened(length: Duration, role: Role, factor: u32) -> Duration {
    // Whole milliseconds, which Prometheus takes no fractions of.
    let divided = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).div_ceil(u64::from(factor));
    let divided = Duration::from_millis(divided);
    match role {
        Role::Span => divided,
        Role::Range => divided.max(LEAST_RANGE.min(length)),
        Role::Interval => divided.max(TICK.min(length)),
    }
}

/// A rule file whose durations are divided by `factor`.
pub fn rules(text: &str, factor: u32) -> anyhow::Result<String> {
    let short = replaced(text, &in_rules(text)?, factor);
    require_all_found(text, &short, factor)?;
    Ok(short)
}

/// A text with these durations in it divided by `factor`.
pub fn replaced(text: &str, found: &[Found], factor: u32) -> String {
    let mut short = String::with_capacity(text.len());
    let mut done = 0;
    for found in found {
        short.push_str(&text[done..found.place.start]);
        short.push_str(&written(shortened(found.length, found.role, factor)));
        done = found.place.end;
    }
    short.push_str(&text[done..]);
    short
}

/// Every duration in a rule file, in order.
pub fn in_rules(text: &str) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    // The column of the key `expr` whose value goes on in the lines below.
    let mut expression = None;
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '-']);
        let column = line.len() - content.len();
        if expression.is_some_and(|key| column > key) {
            found.extend(in_expression(line)?.into_iter().map(|found| found.moved(begin)));
        } else if !content.trim().is_empty() {
            expression = None;
            if let Some((key, value)) = content.split_once(':') {
                let value_begin = begin + column + key.len() + 1;
                match key {
                    "expr" => {
                        expression = Some(column);
                        found.extend(in_expression(value)?.into_iter().map(|found| found.moved(value_begin)));
                    }
                    "for" | "keep_firing_for" => found.push(value_of(value, Role::Span)?.moved(value_begin)),
                    "interval" => found.push(value_of(value, Role::Interval)?.moved(value_begin)),
                    _ => {}
                }
            }
        }
        begin += line.len();
    }
    Ok(found)
}

/// Every duration in an expression of PromQL, in order: those in brackets and after `offset`, outside of strings and comments.
pub fn in_expression(text: &str) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut depth = 0_usize;
    let mut part = Role::Range;
    let mut after_offset = false;
    while let Some(next) = text[at..].chars().next() {
        let word = text[at..].find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | ':' | '.')));
        match next {
            '"' | '\'' | '`' => at += string_length(&text[at..])?,
            '#' => at += text[at..].find('\n').unwrap_or(text.len() - at),
            '[' => (depth, part, at) = (depth + 1, Role::Range, at + 1),
            ']' => (depth, at) = (depth.saturating_sub(1), at + 1),
            ':' if depth > 0 => (part, at) = (Role::Interval, at + 1),
            letter if letter.is_alphanumeric() || letter == '_' => {
                let mut length = word.unwrap_or(text.len() - at);
                if depth > 0 {
                    // A subquery: the range, and how often it is looked at.
                    length = text[at..at + length].find(':').unwrap_or(length);
                }
                let token = &text[at..at + length];
                if depth > 0 || after_offset {
                    let length = parse(token).with_context(|| format!("in `{}`", text.trim()))?;
                    let role = if depth > 0 { part } else { Role::Span };
                    found.push(Found { place: at..at + token.len(), role, length });
                }
                after_offset = depth == 0 && token.eq_ignore_ascii_case("offset");
                at += length;
            }
            other => at += other.len_utf8(),
        }
    }
    Ok(found)
}

/// A duration as Prometheus writes it, such as `1h30m`.
pub fn parse(text: &str) -> anyhow::Result<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1),
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ];
    let expected = || format!("found `{text}`, expected a duration such as 5m or 1h30m");
    let (mut rest, mut millis) = (text, 0_u64);
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|digit: char| !digit.is_ascii_digit()).with_context(expected)?;
        let count: u64 = rest[..digits].parse().with_context(expected)?;
        let (unit, length) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit)).with_context(expected)?;
        millis = count.checked_mul(*length).and_then(|part| millis.checked_add(part)).with_context(expected)?;
        rest = &rest[digits + unit.len()..];
    }
    ensure!(!text.is_empty(), expected());
    Ok(Duration::from_millis(millis))
}

/// A duration for Prometheus.
pub fn written(length: Duration) -> String {
    let millis = length.as_millis();
    if millis.is_multiple_of(1_000) { format!("{}s", millis / 1_000) } else { format!("{millis}ms") }
}

impl Found {
    fn moved(self, by: usize) -> Self {
        Self { place: self.place.start + by..self.place.end + by, ..self }
    }
}

/// The length of the string that the text begins with.
fn string_length(text: &str) -> anyhow::Result<usize> {
    let quote = text.chars().next().unwrap_or_default();
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            letter if letter == quote => return Ok(index + 1),
            _ => {}
        }
    }
    bail!("found a string without an end: {text}")
}

/// The duration that is the whole value of a key.
fn value_of(value: &str, role: Role) -> anyhow::Result<Found> {
    let bare = value.split(" #").next().unwrap_or_default();
    let token = bare.trim_matches([' ', '\n', '\r', '"', '\'']);
    let begin = bare.find(token).unwrap_or_default();
    Ok(Found { place: begin..begin + token.len(), role, length: parse(token)? })
}

/// YAML has more forms than this file reads line by line, so what was written is compared with what a parser reads.
fn require_all_found(text: &str, short: &str, factor: u32) -> anyhow::Result<()> {
    let [before, after]: [Value; 2] = [yaml_serde::from_str(text)?, yaml_serde::from_str(short)?];
    let groups = before["groups"].as_array().context("found no list `groups`, expected a rule file")?;
    let same = |before: &Value, after: &Value, key: &str, role| -> anyhow::Result<()> {
        let (Some(before), Some(after)) = (before[key].as_str(), after[key].as_str()) else { return Ok(()) };
        let expected = match key {
            "expr" => replaced(before, &in_expression(before)?, factor),
            _ => written(shortened(parse(before)?, role, factor)),
        };
        ensure!(after == expected, "cannot shorten `{key}: {before}`: expected a rule in block style, one key a line");
        Ok(())
    };
    for (group_index, group) in groups.iter().enumerate() {
        same(group, &after["groups"][group_index], "interval", Role::Interval)?;
        for (rule_index, rule) in group["rules"].as_array().into_iter().flatten().enumerate() {
            let short = &after["groups"][group_index]["rules"][rule_index];
            same(rule, short, "expr", Role::Range)?;
            same(rule, short, "for", Role::Span)?;
            same(rule, short, "keep_firing_for", Role::Span)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "shorten_tests.rs"]
mod tests;
