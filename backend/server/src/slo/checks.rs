//! What is wrong with objectives, each fault a line: the objective's name, the key, what was found and what is expected.

use std::collections::BTreeSet;

use belfry_telemetry::metric::{Kind, Row, Values};
use regex::Regex;

use super::objectives::{Matchers, Objective, Objectives};
use super::tiers::{HIGHEST_BURN_RATE, WINDOW};
use crate::catalogue;

/// The longest name and title.
const NAME_LENGTH: usize = 40;
const TITLE_LENGTH: usize = 80;

/// By how much the minimum of errors must exceed those that the minimum of events has at the highest burn rate.
const GUARD_MARGIN: f64 = 1.3;

/// Statuses of HTTP.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// All faults; none if the objectives can be used.
pub(super) fn faults(objectives: &Objectives) -> Vec<String> {
    let mut faults = Vec::new();
    if objectives.window != WINDOW {
        let found = &objectives.window;
        faults.push(format!("window: found {found:?}, expected {WINDOW:?}, of which the burn rates are computed"));
    }
    if objectives.objectives.is_empty() {
        faults.push("objectives: found none, expected at least one".to_owned());
    }
    let mut names = BTreeSet::new();
    for objective in &objectives.objectives {
        let mut of_objective = Faults { name: &objective.name, found: Vec::new() };
        if !names.insert(&objective.name) {
            of_objective.add("name", "one that another objective has", "each name once");
        }
        of_texts(objective, &mut of_objective);
        of_numbers(objective, &mut of_objective);
        of_metric(objective, &mut of_objective);
        faults.append(&mut of_objective.found);
    }
    faults
}

/// The faults of one objective.
struct Faults<'o> {
    name: &'o str,
    found: Vec<String>,
}

impl Faults<'_> {
    fn add(&mut self, key: &str, found: impl std::fmt::Display, expected: impl std::fmt::Display) {
        self.found.push(format!("{}: {key}: found {found}, expected {expected}", self.name));
    }
}

fn of_texts(objective: &Objective, faults: &mut Faults) {
    let Objective { name, title, runbook, dashboard, .. } = objective;
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    if name.len() > NAME_LENGTH || !name.split('-').all(is_word) {
        faults.add(
            "name",
            format_args!("{name:?}"),
            format_args!("at most {NAME_LENGTH} lower-case letters with `-` between words"),
        );
    }
    if title.trim().is_empty() || title.len() > TITLE_LENGTH || title.contains(['{', '}', '\n']) {
        faults.add(
            "title",
            format_args!("{title:?}"),
            format_args!("a line of at most {TITLE_LENGTH} characters without templates"),
        );
    }
    let section = format!("docs/runbook.md#{}", objective.alert().to_lowercase());
    if *runbook != section {
        faults.add("runbook", format_args!("{runbook:?}"), format_args!("the section of its alerts, {section:?}"));
    }
    let is_path = dashboard
        .strip_prefix("/d/")
        .is_some_and(|uid| !uid.is_empty() && uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    if !is_path {
        faults.add("dashboard", format_args!("{dashboard:?}"), "/d/ and the uid of a dashboard");
    }
}

fn of_numbers(objective: &Objective, faults: &mut Faults) {
    let Objective { objective: share, minimum_events, minimum_errors, .. } = objective;
    let least = 1.0 - 1.0 / HIGHEST_BURN_RATE;
    if !(*share > 0.0 && *share < 1.0) {
        faults.add("objective", share, "a share between 0 and 1, such as 0.999");
        return;
    }
    if *share <= least {
        faults.add(
            "objective",
            share,
            format_args!("more than {least:.4}: not even errors alone spend a larger budget {HIGHEST_BURN_RATE} times as fast as allowed"),
        );
    }
    if *minimum_events == 0 {
        faults.add("minimum_events", 0, "at least 1");
    }
    // Where this many errors follow from the number of events and the burn rate, the minimum would say nothing.
    let implied = (GUARD_MARGIN * HIGHEST_BURN_RATE * f64::from(*minimum_events) * objective.budget()).floor() + 1.0;
    if f64::from(*minimum_errors) < implied {
        faults.add(
            "minimum_errors",
            minimum_errors,
            format_args!("at least {implied}: clearly more than {minimum_events} events have at the highest burn rate"),
        );
    }
}

fn of_metric(objective: &Objective, faults: &mut Faults) {
    let name = &objective.metric;
    let mut rows = belfry_telemetry::catalogue::ROWS.iter().chain(catalogue::ROWS);
    let Some(row) = rows.find(|row| row.name == name) else {
        return faults.add("metric", format_args!("{name:?}"), "a metric of docs/metrics.md");
    };
    for (key, matchers) in [("only", &objective.only), ("except", &objective.except), ("errors", &objective.errors)] {
        of_matchers(key, matchers, row, faults);
    }
    match (row.kind, objective.slower_than_seconds) {
        (Kind::Counter | Kind::FloatCounter, None) if objective.errors.is_empty() => {
            faults.add("errors", "none", format_args!("the label values of errors, since {name} is a counter"));
        }
        (Kind::Counter | Kind::FloatCounter, None) => of_errors(objective, row, faults),
        (Kind::Histogram, Some(threshold)) if !row.buckets.contains(&threshold) => {
            let bounds: Vec<String> = row.buckets.iter().map(ToString::to_string).collect();
            faults.add(
                "slower_than_seconds",
                threshold,
                format_args!("a bucket boundary of {name}: {}", bounds.join(", ")),
            );
        }
        (Kind::Histogram, Some(_)) if !objective.errors.is_empty() => {
            faults.add("errors", "label values beside slower_than_seconds", "one of the two");
        }
        (Kind::Histogram, Some(_)) if !name.ends_with("_seconds") => {
            faults.add("metric", format_args!("{name:?}"), "a histogram of seconds");
        }
        (Kind::Histogram, Some(_)) => {}
        (Kind::Histogram, None) => {
            faults.add("slower_than_seconds", "none", format_args!("a bucket boundary of the histogram {name}"));
        }
        (Kind::Counter | Kind::FloatCounter, Some(threshold)) => {
            faults.add(
                "slower_than_seconds",
                threshold,
                format_args!("none, since {name} is a counter and has no buckets"),
            );
        }
        (Kind::Gauge | Kind::Reading, _) => {
            faults.add("metric", format_args!("{name:?}, a gauge"), "a counter or a histogram");
        }
    }
}

/// Each label must be the metric's, and each expression match one of its values.
fn of_matchers(key: &str, matchers: &Matchers, row: &Row, faults: &mut Faults) {
    for (label, pattern) in matchers {
        let key = format!("{key}.{label}");
        let Some(known) = row.labels.iter().find(|known| known.name == label) else {
            let labels: Vec<&str> = row.labels.iter().map(|label| label.name).collect();
            faults.add(&key, "a label that it lacks", format_args!("a label of {}: {}", row.name, labels.join(", ")));
            continue;
        };
        let Some(whole) = whole(pattern) else {
            faults.add(&key, format_args!("{pattern:?}"), "a regular expression");
            continue;
        };
        let Some(values) = values(known.values) else { continue };
        let alternatives =
            pattern.split('|').filter(|part| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        for never in alternatives.filter(|part| !values.iter().any(|value| value == part)) {
            faults.add(&key, format_args!("{never:?}"), format_args!("values of {label}: {}", listed(known.values)));
        }
        if !values.iter().any(|value| whole.is_match(value)) {
            faults.add(&key, format_args!("{pattern:?}"), format_args!("values of {label}: {}", listed(known.values)));
        }
    }
}

/// Some values of events must be errors, and some not; of a label with values that are known.
fn of_errors(objective: &Objective, row: &Row, faults: &mut Faults) {
    for (label, pattern) in &objective.errors {
        let known = row.labels.iter().find(|known| known.name == label).and_then(|known| values(known.values));
        let (Some(values), Some(errors)) = (known, whole(pattern)) else { continue };
        let only = objective.only.get(label).and_then(|pattern| whole(pattern));
        let except = objective.except.get(label).and_then(|pattern| whole(pattern));
        let is_event = |value: &&String| {
            only.as_ref().is_none_or(|only| only.is_match(value))
                && !except.as_ref().is_some_and(|except| except.is_match(value))
        };
        let key = format!("errors.{label}");
        if let Some(error) = values.iter().find(|value| errors.is_match(value) && !is_event(value)) {
            faults.add(&key, format_args!("{error:?}, which is no event"), "values that `only` and `except` leave");
        }
        if values.iter().filter(is_event).all(|value| errors.is_match(value)) {
            faults.add(&key, format_args!("{pattern:?}, which are all events"), "values that leave some events good");
        }
    }
}

/// An expression as Prometheus reads it, which matches whole values.
fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?s:{pattern})$")).ok()
}

/// The values that a label can have; none if they are not known in advance.
fn values(of_label: Values) -> Option<Vec<String>> {
    match of_label {
        Values::Closed(values) => Some(values.iter().map(|value| (*value).to_owned()).collect()),
        Values::Status(words) => {
            Some(STATUSES.map(|status| status.to_string()).chain(words.iter().map(|word| (*word).to_owned())).collect())
        }
        Values::Open => None,
    }
}

fn listed(of_label: Values) -> String {
    match of_label {
        Values::Closed(values) => values.join(", "),
        Values::Status(words) => [&["statuses of HTTP"][..], words].concat().join(", "),
        Values::Open => "any kind".to_owned(),
    }
}
