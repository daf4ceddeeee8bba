//! Which alert is driven how: by a real fault where there is one, else by replaying the series of its test.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;

use super::faults::{self, Fault};
use super::rule_files::{Alert, AlertTest, RuleSet};
use super::shorten::{Role, TICK, shortened};
use super::watch::{Limits, Watched};

/// What times are divided by where nothing asks for more.
const FACTOR: u32 = 60;

/// The time that a replay may take; what looks further back is shortened more.
const REPLAY_TIME: Duration = Duration::from_secs(120);

/// What a stack needs at most, on a busy machine, on top of the times of its rules.
const SLACK: Duration = Duration::from_secs(45);

/// How long the programs of a stack take to start, about, and Alertmanager to send.
const OVERHEAD: Duration = Duration::from_secs(6);

/// How an alert is driven.
#[derive(Clone, Copy, Debug)]
pub enum Driven {
    /// By a fault in a real service.
    Fault(&'static Fault),
    /// By this test's series.
    Replay(usize),
    /// Not at all: no fault is known, and no test has it firing.
    Not,
}

/// A stack, and what is driven on it.
#[derive(Debug)]
pub struct Exercise {
    /// How.
    pub driven: Driven,
    /// What times are divided by.
    pub factor: u32,
    /// Which alerts.
    pub alerts: Vec<Alert>,
    /// How long it takes, about.
    pub expected: Duration,
}

/// How this alert is driven.
pub fn driven(rules: &RuleSet, alert: &Alert) -> Driven {
    if let Some(fault) = faults::ALL.iter().find(|fault| fault.alerts.contains(&alert.name.as_str())) {
        return Driven::Fault(fault);
    }
    rules.test_of(&alert.name).map_or(Driven::Not, Driven::Replay)
}

/// The alerts of these names, or all; a name that no alert has is an error.
pub fn chosen(rules: &RuleSet, names: &[String]) -> anyhow::Result<Vec<Alert>> {
    for name in names {
        ensure!(
            rules.alerts.iter().any(|alert| alert.name == *name),
            "found no alert `{name}` in {}, expected one of those that `belfry drill` lists",
            rules.folder.join("rules").display()
        );
    }
    let chosen = rules.alerts.iter().filter(|alert| names.is_empty() || names.contains(&alert.name));
    Ok(chosen.cloned().collect())
}

/// One stack for all alerts of one fault or one test, those that take longest first.
pub fn exercises(rules: &RuleSet, alerts: &[Alert]) -> Vec<Exercise> {
    let mut grouped: BTreeMap<String, (Driven, Vec<Alert>)> = BTreeMap::new();
    for alert in alerts {
        let driven = driven(rules, alert);
        let key = match driven {
            Driven::Fault(fault) => format!("fault {:?}", fault.kind),
            Driven::Replay(test) => format!("test {test}"),
            Driven::Not => continue,
        };
        grouped.entry(key).or_insert_with(|| (driven, Vec::new())).1.push(alert.clone());
    }
    let exercise = |(driven, alerts): (Driven, Vec<Alert>)| {
        let factor = match driven {
            Driven::Replay(test) => replay_factor(&rules.tests[test], &alerts),
            Driven::Fault(_) | Driven::Not => faults::FACTOR,
        };
        let expected = alerts.iter().map(|alert| expected(rules, alert, driven, factor)).max().unwrap_or_default();
        Exercise { driven, factor, alerts, expected }
    };
    let mut exercises: Vec<Exercise> = grouped.into_values().map(exercise).collect();
    exercises.sort_by_key(|exercise| std::cmp::Reverse(exercise.expected));
    exercises
}

/// How long an alert takes alone, about.
pub fn expected_alone(rules: &RuleSet, alert: &Alert) -> Duration {
    exercises(rules, std::slice::from_ref(alert)).first().map_or(Duration::ZERO, |exercise| exercise.expected)
}

impl Exercise {
    /// What is to be followed.
    pub fn watched(&self, rules: &RuleSet) -> Vec<Watched> {
        let watched = |alert: &Alert| {
            let labels = match self.driven {
                Driven::Replay(test) => rules.tests[test].firing[&alert.name].1.clone(),
                Driven::Fault(_) | Driven::Not => BTreeMap::from([("severity".to_owned(), alert.severity.clone())]),
            };
            Watched {
                alert: alert.name.clone(),
                labels,
                exact: matches!(self.driven, Driven::Replay(_)),
                pends: !alert.hold.is_zero(),
                resolves: !faults::never_resolves(&alert.name),
            }
        };
        self.alerts.iter().map(watched).collect()
    }

    /// How long is waited at most.
    pub fn limits(&self, rules: &RuleSet) -> Limits {
        let time = |alert: &Alert| time_to_fire(rules, alert, self.driven, self.factor);
        let to_fire = self.alerts.iter().map(time).max().unwrap_or_default();
        let reach = self.alerts.iter().map(|alert| shortened(alert.reach, Role::Range, self.factor)).max();
        let clock = self.alerts.iter().map(|alert| faults::waits_for_the_clock(&alert.name)).max().unwrap_or_default();
        Limits { delivery: to_fire * 2 + SLACK + clock, resolution: reach.unwrap_or_default() + SLACK + clock }
    }
}

/// At least so that everything takes a bounded time, and at most so that every value of the test is scraped.
fn replay_factor(test: &AlertTest, alerts: &[Alert]) -> u32 {
    let time = |alert: &Alert| test.firing[&alert.name].0 + alert.reach;
    let longest = alerts.iter().map(time).max().unwrap_or_default();
    let wanted = longest.as_millis().div_ceil(REPLAY_TIME.as_millis());
    let most = (test.interval.as_millis() / TICK.as_millis()).max(u128::from(FACTOR));
    u32::try_from(wanted.clamp(u128::from(FACTOR), most)).unwrap_or(u32::MAX)
}

fn time_to_fire(rules: &RuleSet, alert: &Alert, driven: Driven, factor: u32) -> Duration {
    match driven {
        Driven::Replay(test) => rules.tests[test].firing[&alert.name].0 / factor,
        Driven::Fault(fault) => shortened(alert.hold, Role::Span, factor) + fault.takes,
        Driven::Not => Duration::ZERO,
    }
}

fn expected(rules: &RuleSet, alert: &Alert, driven: Driven, factor: u32) -> Duration {
    let resolution = shortened(alert.reach, Role::Range, factor);
    time_to_fire(rules, alert, driven, factor) + resolution + faults::waits_for_the_clock(&alert.name) + OVERHEAD
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn shipped() -> RuleSet {
        RuleSet::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/monitoring/prometheus")).unwrap()
    }

    #[test]
    fn every_fault_drives_alerts_that_no_other_drives() {
        let rules = shipped();
        let mut seen = BTreeSet::new();
        for alert in faults::ALL.iter().flat_map(|fault| fault.alerts) {
            assert!(rules.alerts.iter().any(|known| known.name == *alert), "{alert}");
            assert!(seen.insert(*alert), "{alert} is driven by two faults");
        }
        let kinds: BTreeSet<_> = faults::ALL.iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds.len(), faults::ALL.len());
    }

    #[test]
    fn every_alert_is_in_one_exercise_and_the_longest_come_first() {
        let rules = shipped();
        let exercises = exercises(&rules, &rules.alerts);
        let mut driven: Vec<&str> =
            exercises.iter().flat_map(|exercise| &exercise.alerts).map(|alert| alert.name.as_str()).collect();
        let mut all: Vec<&str> = rules.alerts.iter().map(|alert| alert.name.as_str()).collect();
        driven.sort_unstable();
        all.sort_unstable();
        assert_eq!(driven, all);
        assert!(exercises.is_sorted_by_key(|exercise| std::cmp::Reverse(exercise.expected)));
    }

    #[test]
    fn a_replay_takes_minutes_however_long_its_test_is() {
        let rules = shipped();
        for (index, test) in rules.tests.iter().enumerate() {
            for (alert, (at, _)) in &test.firing {
                if rules.test_of(alert) != Some(index) {
                    continue;
                }
                let alert = rules.alerts.iter().find(|known| known.name == *alert).unwrap();
                let factor = replay_factor(test, std::slice::from_ref(alert));
                assert!(*at / factor < Duration::from_secs(120), "{}: {at:?} / {factor}", alert.name);
                assert!(test.interval / factor >= TICK, "{}: not every value is scraped", alert.name);
            }
        }
    }
}
