//! The input series of a test for promtool, replayed in real time for a Prometheus that scrapes them.
//!
//! Time passes faster by the factor by which the rules are shortened. Where a series has no value it is left out, so that Prometheus
//! marks it stale at once, and after its last value it keeps that.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::notation::{Series, number};

/// What is shown at what time.
#[derive(Clone, Debug)]
pub struct Replay {
    series: Vec<Series>,
    interval: Duration,
    factor: u32,
    begin: Instant,
}

impl Replay {
    /// Begins now.
    pub fn begin(series: Vec<Series>, interval: Duration, factor: u32) -> Self {
        Self { series, interval, factor, begin: Instant::now() }
    }

    /// The page of metrics at this moment.
    pub fn page(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        page_at(&self.series, self.interval, self.begin.elapsed() * self.factor, now)
    }
}

/// The page so long after the begin of the test, when the clock says `now`.
fn page_at(series: &[Series], interval: Duration, after: Duration, now: f64) -> String {
    let step = usize::try_from(after.as_millis() / interval.as_millis().max(1)).unwrap_or(usize::MAX);
    let mut page = String::new();
    for series in series {
        let index = step.min(series.values.len() - 1);
        let Some(mut value) = series.values[index] else { continue };
        if is_point_in_time(&series.name) {
            // The test begins at the epoch. What counts is how long ago it was.
            let step_time = interval.as_secs_f64() * step as f64;
            value += now - step_time;
        }
        // Writing to a string does not fail.
        let _ = writeln!(page, "{} {}", series.identity(), number(value));
    }
    page
}

/// Whether the values of a metric are compared with the clock. Start times are not: it counts how often they change.
fn is_point_in_time(name: &str) -> bool {
    name.ends_with("_timestamp_seconds") || name == "node_time_seconds"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(series: &str, values: &str, after: u64) -> String {
        let series = Series::parse(series, values).unwrap();
        page_at(&[series], Duration::from_secs(30), Duration::from_secs(after), 1_000_000.0)
    }

    #[test]
    fn each_value_is_shown_for_one_interval() {
        assert_eq!(page("m{a=\"b\"}", "1 2 3", 29), "m{a=\"b\"} 1\n");
        assert_eq!(page("m{a=\"b\"}", "1 2 3", 30), "m{a=\"b\"} 2\n");
    }

    #[test]
    fn the_last_value_stays_and_a_missing_one_is_left_out() {
        assert_eq!(page("m", "1 2", 900), "m 2\n");
        assert_eq!(page("m", "1 _ 2", 30), "");
        assert_eq!(page("m", "1 stale", 900), "");
    }

    #[test]
    fn a_point_in_time_keeps_its_distance_to_the_clock() {
        // Said at 90 seconds: 30 seconds ago.
        assert_eq!(
            page("job_last_success_timestamp_seconds", "60x5", 90),
            "job_last_success_timestamp_seconds 999970\n"
        );
        assert_eq!(page("app_start_time_seconds", "60x5", 90), "app_start_time_seconds 60\n");
    }
}
