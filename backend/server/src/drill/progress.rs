//! How far a drill is: on a terminal a bar and a line for each stack, elsewhere a line for each alert that has ended.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::plan::Exercise;
use super::table::Row;
use super::watch::Timeline;

/// Shows how far the drill is.
pub struct Progress {
    lines: MultiProgress,
    bar: ProgressBar,
    // Standard output is for the result alone.
    quiet: bool,
}

/// The line of one stack; it goes when dropped.
pub struct Line(ProgressBar);

impl Progress {
    /// Begins with this many alerts ahead.
    pub fn start(alerts: usize, quiet: bool) -> Self {
        let lines = MultiProgress::new();
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} alerts, {elapsed}");
        let bar =
            ProgressBar::new(alerts as u64).with_style(style.expect("the template is a constant that a test draws"));
        let bar = lines.add(bar);
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { lines, bar, quiet }
    }

    /// A line for a stack that is started.
    pub fn begin(&self, exercise: &Exercise) -> Line {
        let style = ProgressStyle::with_template("  {spinner} {msg}");
        let line = ProgressBar::no_length().with_style(style.expect("the template is a constant that a test draws"));
        let line = self.lines.insert_before(&self.bar, line);
        let names: Vec<&str> = exercise.alerts.iter().map(|alert| alert.name.as_str()).collect();
        line.set_message(format!("starting a stack for {}", names.join(", ")));
        line.enable_steady_tick(Duration::from_millis(200));
        Line(line)
    }

    /// Tells how an alert has ended.
    pub fn ended(&self, row: &Row) {
        let mark = if row.succeeded() { "✓" } else { "✗" };
        let failure = row.timeline.as_ref().and_then(|timeline| timeline.failure.as_ref());
        let failure = failure.map(|failure| format!("  {failure}")).unwrap_or_default();
        let line = format!("{mark} {}: {}{failure}", row.alert, row.states());
        self.lines.suspend(|| if self.quiet { eprintln!("{line}") } else { println!("{line}") });
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Line {
    /// Shows the state that an alert has reached.
    pub fn show(&self, alert: &str, timeline: &Timeline) {
        self.0.set_message(format!("{alert}: {}", timeline.state()));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_can_be_drawn() {
        drop(Progress::start(3, true).begin(&Exercise {
            driven: super::super::plan::Driven::Not,
            factor: 1,
            alerts: Vec::new(),
            expected: Duration::ZERO,
        }));
    }
}
