//! What a drill has found, or what it would do, as a table.

use std::fmt::Write as _;

use serde::Serialize;

use super::plan::{self, Driven};
use super::rule_files::{Alert, RuleSet};
use super::watch::Timeline;

/// An alert in the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub alert: String,
    /// Its severity.
    pub severity: String,
    /// `real fault`, `replayed` or `not driven`.
    pub driven: &'static str,
    /// What is done, or which test is replayed.
    pub how: String,
    /// How long it takes alone, about, in seconds.
    pub expected_seconds: u64,
    /// How it went; none in a list.
    pub timeline: Option<Timeline>,
}

impl Row {
    /// An alert that was not driven yet.
    pub fn new(rules: &RuleSet, alert: &Alert) -> Self {
        let (driven, how) = match plan::driven(rules, alert) {
            Driven::Fault(fault) => ("real fault", fault.what.to_owned()),
            Driven::Replay(test) => ("replayed", rules.tests[test].name.clone()),
            Driven::Not => ("not driven", "no fault is known, and no test has it firing".to_owned()),
        };
        let expected_seconds = plan::expected_alone(rules, alert).as_secs();
        Self {
            alert: alert.name.clone(),
            severity: alert.severity.clone(),
            driven,
            how,
            expected_seconds,
            timeline: None,
        }
    }

    /// Whether nothing drives it.
    pub fn is_undriven(&self) -> bool {
        self.driven == "not driven"
    }

    /// Whether it got through all states that it has.
    pub fn succeeded(&self) -> bool {
        self.timeline.as_ref().is_some_and(|timeline| timeline.failure.is_none())
    }

    /// Its states and their times, in seconds since the fault.
    pub fn states(&self) -> String {
        let Some(timeline) = &self.timeline else { return "not driven".to_owned() };
        let begin = if timeline.inactive { "inactive" } else { "not seen inactive" };
        let mut text = begin.to_owned();
        for (state, at) in [
            ("pending", timeline.pending),
            ("firing", timeline.firing),
            ("delivered", timeline.delivered),
            ("resolved", timeline.resolved),
        ] {
            if let Some(at) = at {
                // Writing to a string does not fail.
                let _ = write!(text, " → {state} {at:.1} s");
            }
        }
        text
    }
}

/// The table for a terminal.
pub fn text(rows: &[Row], was_driven: bool) -> String {
    let mut lines = vec![if was_driven {
        ["ALERT", "SEVERITY", "DRIVEN", "PENDING", "FIRING", "DELIVERED", "RESOLVED", "RESULT"]
            .map(str::to_owned)
            .to_vec()
    } else {
        ["ALERT", "SEVERITY", "DRIVEN", "ABOUT", "HOW"].map(str::to_owned).to_vec()
    }];
    lines.extend(rows.iter().map(|row| if was_driven { result_cells(row) } else { list_cells(row) }));
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The table for a document.
pub fn markdown(rows: &[Row], was_driven: bool) -> String {
    let mut text = String::from(if was_driven {
        "| Alert | Severity | Driven by | Pending | Firing | Delivered | Resolved | Result |\n|---|---|---|---|---|---|---|---|\n"
    } else {
        "| Alert | Severity | Driven by | About |\n|---|---|---|---|\n"
    });
    for row in rows {
        let by = format!("{}: {}", row.driven, row.how.replace('|', r"\|"));
        let cells = if was_driven { result_cells(row) } else { list_cells(row) };
        let times = if was_driven { &cells[3..] } else { &cells[3..4] };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{}` | {} | {by} | {} |", row.alert, row.severity, times.join(" | "));
    }
    text
}

fn list_cells(row: &Row) -> Vec<String> {
    let about = format!("{} s", row.expected_seconds);
    vec![row.alert.clone(), row.severity.clone(), row.driven.to_owned(), about, row.how.clone()]
}

fn result_cells(row: &Row) -> Vec<String> {
    let timeline = row.timeline.clone().unwrap_or_default();
    let time = |at: Option<f64>| at.map_or("–".to_owned(), |at| format!("{at:.1} s"));
    let result = match &timeline.failure {
        None if row.timeline.is_some() => "ok".to_owned(),
        None => "not driven".to_owned(),
        Some(failure) => format!("FAILED: {failure}"),
    };
    vec![
        row.alert.clone(),
        row.severity.clone(),
        row.driven.to_owned(),
        time(timeline.pending),
        time(timeline.firing),
        time(timeline.delivered),
        time(timeline.resolved),
        result,
    ]
}
