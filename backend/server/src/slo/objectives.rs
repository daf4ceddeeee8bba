//! The file of the objectives, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Labels with regular expressions that match a whole value.
pub(super) type Matchers = BTreeMap<String, String>;

/// All objectives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Objectives {
    /// The time over which each objective is to hold.
    pub window: String,
    pub objectives: Vec<Objective>,
}

/// One objective: of the events that a metric counts, the share that must be good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Objective {
    /// The value of the label `slo`.
    pub name: String,
    /// What a good event is, for people.
    pub title: String,
    /// The share of good events, between 0 and 1.
    pub objective: f64,
    /// The metric that counts the events: a counter, or a histogram of how long they took.
    pub metric: String,
    /// Events are only those with these label values.
    #[serde(default)]
    pub only: Matchers,
    /// Not events are those with one of these label values.
    #[serde(default)]
    pub except: Matchers,
    /// Of a counter: which events are errors.
    #[serde(default)]
    pub errors: Matchers,
    /// Of a histogram: events that took longer are errors.
    pub slower_than_seconds: Option<f64>,
    /// With fewer events in an alert's long window it does not fire.
    pub minimum_events: u32,
    /// With fewer errors in an alert's long window it does not fire.
    pub minimum_errors: u32,
    /// The section that says what to do.
    pub runbook: String,
    /// The dashboard that shows why.
    pub dashboard: String,
}

impl Objective {
    /// The share of events that may be errors.
    pub fn budget(&self) -> f64 {
        1.0 - self.objective
    }

    /// The name of its alerts: `http-latency` has `HttpLatencyBudgetBurn`.
    pub fn alert(&self) -> String {
        let words = self.name.split('-').map(|word| {
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            first.to_uppercase() + rest
        });
        words.collect::<String>() + "BudgetBurn"
    }
}
