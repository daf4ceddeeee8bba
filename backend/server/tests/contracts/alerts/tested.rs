//! Each alert has tests for promtool: silent one evaluation before it fires, with every label and annotation when it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::alerts;
use crate::contracts::monitoring::{files, list, text, yaml};

const TESTS: &str = "infra/monitoring/prometheus/tests";

/// Always firing, so never silent.
const WATCHDOG: &str = "Watchdog";

/// `1h5m30s` in seconds.
fn seconds(duration: &str) -> u64 {
    let mut total = 0;
    let mut number = String::new();
    for c in duration.chars() {
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            digit => {
                number.push(digit);
                continue;
            }
        };
        total += unit * number.parse::<u64>().unwrap_or_else(|_| panic!("{duration} is no duration"));
        number.clear();
    }
    total
}

/// What the tests ask of one alert.
#[derive(Default)]
struct Asked {
    fires: usize,
    is_silent_just_before: bool,
    is_silent_elsewhere: bool,
}

#[test]
fn a_duration_is_read() {
    assert_eq!([seconds("1h5m30s"), seconds("2d"), seconds("0s")], [3_930, 172_800, 0]);
}

#[test]
fn every_alert_is_silent_just_before_it_fires() {
    let alerts = alerts();
    let mut asked: BTreeMap<&str, Asked> = alerts.keys().map(|name| (name.as_str(), Asked::default())).collect();
    let mut faults = Vec::new();
    for path in files(TESTS, "yml") {
        let file = yaml(&path);
        let interval = seconds(text(&file, "evaluation_interval"));
        for test in list(&file, "tests") {
            let checks = list(test, "alert_rule_test");
            let place = format!("{path}, {}", text(test, "name"));
            let silent: BTreeSet<(&str, u64)> = checks
                .iter()
                .filter(|check| list(check, "exp_alerts").is_empty())
                .map(|check| (text(check, "alertname"), seconds(text(check, "eval_time"))))
                .collect();
            for check in checks {
                let name = text(check, "alertname");
                let Some(asked) = asked.get_mut(name) else {
                    // promtool takes it for an alert that is silent.
                    faults.push(format!("{place}: {name} is no alert"));
                    continue;
                };
                let time = seconds(text(check, "eval_time"));
                let expected = list(check, "exp_alerts");
                asked.is_silent_elsewhere |= expected.is_empty();
                asked.fires += expected.len();
                asked.is_silent_just_before |=
                    !expected.is_empty() && time >= interval && silent.contains(&(name, time - interval));
                faults.extend(expected.iter().filter_map(unsaid).map(|what| format!("{place}: {name}: {what}")));
            }
        }
    }
    for (name, Asked { fires, is_silent_just_before, is_silent_elsewhere }) in asked {
        if fires == 0 {
            faults.push(format!("{name} fires in no test"));
        }
        // Those of error budgets are looked at tier by tier, as the series `ALERTS`, in slo_alerts_test.yml.
        let is_of_budgets = alerts[name].place.contains("slo.yml");
        if name != WATCHDOG && !is_of_budgets && !(is_silent_just_before && is_silent_elsewhere) {
            faults.push(format!("{name}: no test has it silent one evaluation before it fires"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Which annotation or label the test does not compare.
fn unsaid(alert: &Value) -> Option<String> {
    let annotations = ["summary", "description", "runbook_url", "dashboard_url"];
    let missing = annotations.iter().find(|name| text(&alert["exp_annotations"], name).is_empty());
    let missing = missing.copied().or_else(|| text(&alert["exp_labels"], "severity").is_empty().then_some("severity"));
    missing.map(|name| format!("its {name} is not compared"))
}
