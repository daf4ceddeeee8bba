//! The schedule: one row a job, and nowhere else is it said when a job runs, for how long, and what then.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Job, Recurrence};
use crate::config::Config;
use crate::database::Engine;

/// Stands between a job's name and a folder's id.
pub(super) const ROW_SEPARATOR: char = '@';

/// What becomes of a turn that comes while the job's last run is still under way. Both are counted as an overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It is left out.
    Skip,
    /// It comes as soon as that run has ended.
    Wait,
}

impl Overlap {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Wait => "wait",
        }
    }
}

/// Who runs a job, of several servers on one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One of them, each turn.
    Database,
    /// One for each data folder: it is about what that folder's machine has.
    Folder,
}

/// When and how a job runs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its row in `jobs`: the job's name, for a folder's job with the folder's id.
    pub(super) row: String,
    pub(super) recurrence: Recurrence,
    pub(super) zone: TimeZone,
    /// A run that takes longer is ended as failed.
    pub(super) timeout: Duration,
    pub(super) overlap: Overlap,
    /// How often a failed or aborted run is repeated before the job's next turn.
    pub(super) retries: u32,
    /// The time before the first repetition; it doubles with each.
    pub(super) retry_pause: Duration,
}

impl Job {
    /// The plan of this job, for the data folder with the id `folder`.
    pub(super) fn plan(self, config: &Config, folder: &str) -> Plan {
        let jobs = &config.jobs;
        let every = |seconds| Recurrence::Every(Duration::from_secs(seconds));
        let (recurrence, timeout, overlap, scope) = match self {
            Self::TtlCleanup => {
                (Recurrence::Every(config.cleanup.interval), jobs.timeout, Overlap::Skip, Scope::Database)
            }
            Self::RunReaper => (every(60), jobs.timeout, Overlap::Skip, Scope::Database),
            Self::HistoryRetention => (every(3_600), jobs.timeout, Overlap::Skip, Scope::Database),
            Self::OrphanSweep => (jobs.orphan_sweep_schedule.clone(), jobs.timeout, Overlap::Skip, Scope::Database),
            Self::DatabaseBackup => (jobs.backup_schedule.clone(), jobs.backup_timeout, Overlap::Wait, Scope::Database),
            Self::BackupRetention => (every(3_600), jobs.timeout, Overlap::Skip, Scope::Folder),
            Self::LogRetention => (every(3_600), jobs.timeout, Overlap::Skip, Scope::Folder),
            Self::BusinessSnapshot => {
                (jobs.business_snapshot_schedule.clone(), jobs.timeout, Overlap::Wait, Scope::Database)
            }
            Self::ResourceCheck => (jobs.resource_check_schedule.clone(), jobs.timeout, Overlap::Skip, Scope::Folder),
        };
        let row = match scope {
            Scope::Database => self.name().to_owned(),
            Scope::Folder => format!("{}{ROW_SEPARATOR}{folder}", self.name()),
        };
        let (zone, retries, retry_pause) = (jobs.time_zone.clone(), jobs.retries, jobs.retry_pause);
        Plan { row, recurrence, zone, timeout, overlap, retries, retry_pause }
    }

    /// The job of a row in `jobs`, which may be that of another folder.
    pub(super) fn of_row(row: &str) -> Option<Self> {
        Self::named(row.split(ROW_SEPARATOR).next().unwrap_or(row))
    }

    /// Why this job cannot run here, if it cannot.
    pub(super) fn disabled_reason(self, config: &Config, engine: Engine) -> Option<String> {
        match self {
            Self::DatabaseBackup if engine == Engine::Postgres => crate::backup::missing_program("pg_dump"),
            Self::LogRetention if config.telemetry.log.dir.is_none() => {
                Some("LOG__DIR is not set, so there are no log files".to_owned())
            }
            _ => None,
        }
    }
}

impl Plan {
    /// The first turn after `time`.
    pub(super) fn next_after(&self, time: i64) -> i64 {
        self.recurrence.next_after(time, &self.zone)
    }

    /// The turns that went by between `due` and `now`.
    pub(super) fn missed(&self, due: i64, now: i64) -> u64 {
        self.recurrence.missed(due, now, &self.zone)
    }

    /// When a job is due that was never seen before: one with an interval at once, one with fixed times at the next.
    pub(super) fn first(&self, now: i64) -> i64 {
        match self.recurrence {
            Recurrence::Every(_) => now,
            Recurrence::At(_) => self.next_after(now),
        }
    }

    /// The pause before the next repetition after this many failures, or none if there are to be no more.
    pub(super) fn pause_after(&self, failures: i64) -> Option<Duration> {
        let failures = u32::try_from(failures).ok().filter(|failures| *failures < self.retries)?;
        Some(self.retry_pause.saturating_mul(2_u32.saturating_pow(failures)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_until_there_are_no_more_repetitions() {
        let config = Config::read([("JOBS__RETRIES".to_owned(), "3".to_owned())]).unwrap();
        let plan = Job::TtlCleanup.plan(&config, "");
        let pauses: Vec<_> = (0..5).map(|failures| plan.pause_after(failures).map(|pause| pause.as_secs())).collect();
        assert_eq!(pauses, [Some(10), Some(20), Some(40), None, None]);
    }

    #[test]
    fn every_job_has_a_name_of_its_own_and_a_turn_ahead() {
        let config = Config::read([]).unwrap();
        for job in Job::ALL {
            assert_eq!(Job::named(job.name()), Some(job));
            let plan = job.plan(&config, "of-a-folder");
            assert!(plan.next_after(0) > 0);
            assert_eq!(Job::of_row(&plan.row), Some(job));
        }
    }
}
