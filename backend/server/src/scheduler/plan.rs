//! When and how a job runs, and what becomes of scheduled times that could not be kept.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::config::{JobsConfig, Recurrence};

/// Stands between a job's name and a folder's id.
pub(super) const ROW_SEPARATOR: char = '@';

/// What becomes of a scheduled time that comes while the job's last run is in flight. Both are counted as an overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Overlap {
    /// It is left out.
    Skip,
    /// The job runs again as soon as that run has ended.
    Wait,
}

/// Who runs a job, of several servers on one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One of them, each time.
    Database,
    /// One for each data folder: it is about what that folder's machine has.
    Folder,
}

/// When and how a job runs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When.
    pub recurrence: Recurrence,
    /// The time zone of a cron expression.
    pub time_zone: TimeZone,
    /// A run that takes longer is ended as failed.
    pub timeout: Duration,
    /// What becomes of times that overlap a run.
    pub overlap: Overlap,
    /// Which of several servers runs it.
    pub scope: Scope,
    /// How often a failed or aborted run is retried before the job's next scheduled time.
    pub retries: u32,
    /// The pause before the first retry; it doubles with each.
    pub retry_pause: Duration,
}

impl Plan {
    /// A plan with the time limit and retries of `JOBS__*`: once for each database, overlaps left out.
    pub fn new(recurrence: Recurrence, config: &JobsConfig) -> Self {
        Self {
            recurrence,
            time_zone: config.time_zone.clone(),
            timeout: config.timeout,
            overlap: Overlap::Skip,
            scope: Scope::Database,
            retries: config.retries,
            retry_pause: config.retry_pause,
        }
    }

    /// The same with a fixed interval.
    pub fn every(interval: Duration, config: &JobsConfig) -> Self {
        Self::new(Recurrence::Every(interval), config)
    }

    /// The row in `jobs` of the job `name`: for a folder's job with the folder's id.
    pub(super) fn row(&self, name: &str, folder_id: &str) -> String {
        match self.scope {
            Scope::Database => name.to_owned(),
            Scope::Folder => format!("{name}{ROW_SEPARATOR}{folder_id}"),
        }
    }

    /// The first scheduled time after `time`.
    pub(super) fn next_after(&self, time: i64) -> i64 {
        self.recurrence.next_after(time, &self.time_zone)
    }

    /// The time from the first scheduled time after `time` to the one after it; none if there is no such one.
    pub(super) fn interval_after(&self, time: i64) -> Option<Duration> {
        let first = self.next_after(time);
        let second = self.next_after(first);
        (second < i64::MAX).then(|| Duration::from_micros(second.abs_diff(first)))
    }

    /// The scheduled times missed between `due` and `now`.
    pub(super) fn missed(&self, due: i64, now: i64) -> u64 {
        self.recurrence.missed(due, now, &self.time_zone)
    }

    /// When a new job is first due: one with an interval at once, one with fixed times at the next.
    pub(super) fn first_due(&self, now: i64) -> i64 {
        match self.recurrence {
            Recurrence::Every(_) => now,
            Recurrence::At(_) => self.next_after(now),
        }
    }

    /// The pause before the next retry after this many failures; none when there are to be no more.
    pub(super) fn retry_pause_after(&self, failures: i64) -> Option<Duration> {
        let failures = u32::try_from(failures).ok().filter(|failures| *failures < self.retries)?;
        Some(self.retry_pause.saturating_mul(2_u32.saturating_pow(failures)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_interval_is_that_of_the_schedule() {
        let intervals = |schedule: &str| {
            let config = Config::read([("JOBS__BACKUP_SCHEDULE".to_owned(), schedule.to_owned())]).unwrap();
            let plan = Plan::new(config.jobs.backup_schedule.clone(), &config.jobs);
            plan.interval_after(0).map(|interval| interval.as_secs())
        };
        assert_eq!(intervals("90s"), Some(90));
        assert_eq!(intervals("0 3 * * *"), Some(86_400));
        // 1970 began on a Thursday; Saturday and Sunday, then five days.
        assert_eq!(intervals("0 3 * * 6,0"), Some(86_400));
        assert_eq!(intervals("0 3 * * 0"), Some(604_800));
    }

    #[test]
    fn the_pause_doubles_until_there_are_no_more_retries() {
        let config = Config::read([("JOBS__RETRIES".to_owned(), "3".to_owned())]).unwrap();
        let plan = Plan::every(Duration::from_secs(60), &config.jobs);
        let pauses: Vec<_> =
            (0..5).map(|failures| plan.retry_pause_after(failures).map(|pause| pause.as_secs())).collect();
        assert_eq!(pauses, [Some(10), Some(20), Some(40), None, None]);
    }
}
