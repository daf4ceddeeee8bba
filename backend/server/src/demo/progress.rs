//! How far the demo is: a bar on a terminal, a line now and then elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::response_counts::ResponseCounts;

const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far the demo is.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    next_line: Duration,
}

impl Progress {
    /// Begins to show the way through `duration`.
    pub fn start(duration: Duration) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} s  {msg}");
        let bar = ProgressBar::new(duration.as_secs().max(1));
        bar.set_style(style.expect("the template is a constant that a test draws"));
        Self { bar, started: Instant::now(), next_line: LINE_EVERY }
    }

    /// Shows the time that has passed and what came back so far.
    pub fn show(&mut self, counts: &ResponseCounts) {
        let elapsed = self.started.elapsed();
        let message = format!("{} responses, {} unexpected", counts.total(), counts.unexpected());
        if !self.bar.is_hidden() {
            self.bar.set_position(elapsed.as_secs());
            self.bar.set_message(message);
        } else if elapsed >= self.next_line {
            self.next_line = elapsed + LINE_EVERY;
            eprintln!("{:>4} s  {message}", elapsed.as_secs());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_can_be_drawn() {
        Progress::start(Duration::from_secs(1)).show(&ResponseCounts::default());
    }
}
