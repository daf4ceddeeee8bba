//! The scheduler: runs each job when it is due, on one server at a time, and keeps the history of its runs. What the jobs
//! do is in `jobs/`; nothing here knows them.
//!
//! `job.rs` is the interface of a job and `plan.rs` when and how it runs. Every second `due.rs` claims the due jobs
//! by their rows (`claim.rs`); `run.rs` runs each with a heartbeat (`lease.rs`) and `history.rs` records its end. Runs
//! whose process died are aborted by `reaper.rs`. `api.rs` shows plans, history and `statistics.rs`; `overview.rs` what
//! is known of all jobs.

pub mod api;
mod claim;
mod due;
mod folder_id;
mod history;
mod job;
mod lease;
mod overview;
mod plan;
#[cfg(test)]
mod query_plans;
mod reaper;
mod run;
mod statistics;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use claim::forget_jobs_of_folders;
#[cfg(test)]
pub use claim::insert_job;
pub use folder_id::folder_id;
pub use history::{FORGET_BATCH, forget_runs_before};
pub use job::{AnyJob, Job, JobMetadata, RunContext};
pub use plan::{Overlap, Plan, Scope};

use crate::components::alerts::Alerts;
use crate::config::JobsConfig;
use crate::database::Database;
use crate::error::Result;
use crate::leases::{HEARTBEAT_TIMEOUT, LeaseClock};
use claim::JobRow;
use job::PlannedJob;

/// What the scheduler is given.
pub struct Options {
    /// Where jobs and runs are on record.
    pub database: Database,
    /// A job that fails again and again is said to these.
    pub alerts: Arc<Alerts>,
    /// Names this process in the runs it begins.
    pub instance: String,
    /// Says when leases can be judged.
    pub lease_clock: Arc<LeaseClock>,
    /// Cancelled when nothing new is to begin.
    pub stopping: CancellationToken,
    /// Cancelled when runs in flight are to end at once.
    pub cut_off: CancellationToken,
}

/// The scheduler as the rest of the process sees it.
pub struct Scheduler {
    options: Options,
    jobs: Vec<PlannedJob>,
    created: Instant,
    /// When it last polled for due jobs, in milliseconds since `created`; 0 before the first time.
    polled_at: AtomicU64,
    /// The runs of this process, which are alive whatever their leases say.
    in_flight: Mutex<HashSet<String>>,
    /// Notified when a run of a job was requested.
    requested: Notify,
}

/// A run is in flight in this process for as long as the guard lives.
struct InFlightGuard<'s> {
    scheduler: &'s Scheduler,
    id: String,
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.scheduler.in_flight().remove(&self.id);
    }
}

impl Scheduler {
    /// Plans `jobs` as the settings say, for the data folder with the id `folder_id`.
    pub fn new(options: Options, jobs: Vec<Arc<dyn AnyJob>>, config: &JobsConfig, folder_id: &str) -> Self {
        Self {
            options,
            jobs: jobs.into_iter().map(|job| PlannedJob::new(job, config, folder_id)).collect(),
            created: Instant::now(),
            polled_at: AtomicU64::new(0),
            in_flight: Mutex::default(),
            requested: Notify::new(),
        }
    }

    /// Time since the scheduler last polled for due jobs, or since it was created.
    pub fn time_since_last_poll(&self) -> Duration {
        self.created.elapsed().saturating_sub(Duration::from_millis(self.polled_at.load(Ordering::Relaxed)))
    }

    /// The job that comes next of those that run here, and when.
    pub async fn next_due(&self) -> Result<Option<(&'static str, i64)>> {
        let rows = JobRow::read_all(&self.options.database).await?;
        let due = self.jobs.iter().filter(|job| job.disabled_reason.is_none()).filter_map(|job| {
            let row = rows.iter().find(|row| row.name == job.row)?;
            Some((job.name, row.next_due_at))
        });
        Ok(due.min_by_key(|(_, due)| *due))
    }

    /// Makes the job due now. Whichever server sees it first runs it.
    async fn request_run(&self, job: &PlannedJob) -> Result<()> {
        claim::request_run(&self.options.database, &job.row).await?;
        self.requested.notify_one();
        Ok(())
    }

    fn job_named(&self, name: &str) -> Option<&PlannedJob> {
        self.jobs.iter().find(|job| job.name == name)
    }

    /// The job of a row in `jobs`, which may be that of another folder.
    fn job_of_row(&self, row: &str) -> Option<&PlannedJob> {
        self.job_named(row.split(plan::ROW_SEPARATOR).next().unwrap_or(row))
    }

    /// Each job's row, with the name of the job that it is taken for.
    #[cfg(test)]
    pub fn rows_and_their_jobs(&self) -> Vec<(&str, Option<&'static str>)> {
        let job_of = |row: &str| self.job_of_row(row).map(|job| job.name);
        self.jobs.iter().map(|job| (job.row.as_str(), job_of(&job.row))).collect()
    }

    fn can_judge_leases(&self) -> bool {
        self.options.lease_clock.can_judge(HEARTBEAT_TIMEOUT)
    }

    fn guard_in_flight(&self, id: &str) -> InFlightGuard<'_> {
        self.in_flight().insert(id.to_owned());
        InFlightGuard { scheduler: self, id: id.to_owned() }
    }

    fn in_flight(&self) -> MutexGuard<'_, HashSet<String>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record_poll(&self) {
        let elapsed = u64::try_from(self.created.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.polled_at.store(elapsed.max(1), Ordering::Relaxed);
    }
}
