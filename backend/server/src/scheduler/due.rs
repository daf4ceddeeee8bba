//! The loop that finds due jobs. Every second each server reads the jobs' rows (`claim.rs`) and claims what is due.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use belfry_telemetry::jobs as monitor;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::claim::{self, JobRow};
use super::job::PlannedJob;
use super::plan::{Overlap, Plan};
use super::{Scheduler, history, reaper, run};
use crate::components::instance::DeadInstance;
use crate::database::{bounds, micros, now_micros};
use crate::error::{Result, chain};
use crate::leases::CLOCK_SKEW;

/// How often the scheduler polls for due jobs.
const TICK: Duration = Duration::from_secs(1);

impl Scheduler {
    /// Runs due jobs until the process stops, then waits for those in flight. The processes `dead` of this data folder
    /// left runs that nobody else may have aborted yet.
    pub async fn run_due_jobs(self: Arc<Self>, mut dead: Vec<DeadInstance>) -> anyhow::Result<()> {
        for PlannedJob { name, disabled_reason, .. } in &self.jobs {
            match disabled_reason {
                Some(reason) => tracing::info!(job_name = name, reason, "job disabled"),
                None => monitor::register_series(name),
            }
        }
        let mut in_flight = JoinSet::new();
        let mut last_ends_are_set = false;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.options.stopping.cancelled() => break,
                () = self.requested.notified() => {}
                _ = ticks.tick() => {}
            }
            self.options.lease_clock.compare_clocks();
            self.claim_due_jobs(&mut dead, &mut last_ends_are_set, &mut in_flight).await;
            self.record_poll();
            while in_flight.try_join_next().is_some() {}
        }
        while in_flight.join_next().await.is_some() {}
        Ok(())
    }

    /// Polls every job once. What fails is retried at the next tick.
    async fn claim_due_jobs(
        self: &Arc<Self>,
        dead: &mut Vec<DeadInstance>,
        last_ends_are_set: &mut bool,
        in_flight: &mut JoinSet<()>,
    ) {
        let rows = match bounds::with_background_timeout(self.known_rows(dead, last_ends_are_set)).await {
            Ok(rows) => rows,
            Err(error) => {
                self.options.lease_clock.database_is_away();
                tracing::warn!(cause = chain(&error), "reading due jobs failed");
                return;
            }
        };
        for row in rows {
            let Some(job) = self.job_of_row(&row.name) else { continue };
            let claimed_at = Instant::now();
            match bounds::with_background_timeout(self.claim_or_abort(job, &row)).await {
                Ok(Some(id)) => drop(in_flight.spawn(run::run_job(self.clone(), job.name, id, claimed_at))),
                Ok(None) => {}
                Err(error) => {
                    if error.is_transient() {
                        self.options.lease_clock.database_is_away();
                    }
                    tracing::warn!(job_name = job.name, cause = chain(&error), "claiming a due job failed");
                }
            }
        }
    }

    /// The rows of all jobs, after the runs of `dead` processes were aborted, the last ends of each job set, and missing rows
    /// inserted.
    async fn known_rows(&self, dead: &mut Vec<DeadInstance>, last_ends_are_set: &mut bool) -> Result<Vec<JobRow>> {
        let database = &self.options.database;
        while let Some(next) = dead.last() {
            reaper::abort_runs_of_instance(self, &next.id).await?;
            if let Some(instance) = dead.pop() {
                instance.taken_back().await;
            }
        }
        if !*last_ends_are_set {
            // They are for metrics alone, so that jobs do not wait for them.
            match self.set_last_ends().await {
                Ok(()) => *last_ends_are_set = true,
                Err(error) => tracing::warn!(cause = chain(&error), "reading how jobs last ended failed"),
            }
        }
        let rows = JobRow::read_all(database).await?;
        let enabled = self.jobs.iter().filter(|job| job.disabled_reason.is_none());
        let missing = enabled.filter(|job| !rows.iter().any(|row| row.name == job.row));
        let mut is_complete = true;
        for PlannedJob { row, plan, .. } in missing {
            claim::insert_job(database, row, plan.first_due(now_micros())).await?;
            is_complete = false;
        }
        if is_complete { Ok(rows) } else { JobRow::read_all(database).await }
    }

    /// Sets when each job that runs here last succeeded or failed, by whichever process: what is late or broken stays so over a
    /// restart.
    async fn set_last_ends(&self) -> Result<()> {
        for PlannedJob { name, plan, .. } in self.jobs.iter().filter(|job| job.disabled_reason.is_none()) {
            let (success, failure) = history::last_ends(&self.options.database, name).await?;
            monitor::last_ends(name, success.map(system_time), failure.map(system_time));
            set_interval(name, plan);
        }
        Ok(())
    }

    /// Aborts the run that has claimed the job if its lease has expired, whichever server's it was; else claims the job if
    /// it is due here. Returns the id of the run that has now claimed it.
    async fn claim_or_abort(&self, job: &PlannedJob, row: &JobRow) -> Result<Option<String>> {
        if let Some(holder) = &row.holder
            && row.has_expired(now_micros())
            && self.can_judge_leases()
            && !self.in_flight().contains(holder)
        {
            reaper::abort_and_count(self, job.name, Some(&row.name), holder).await?;
            return Ok(None);
        }
        let is_ours = row.name == job.row && job.disabled_reason.is_none();
        if is_ours { self.claim_if_due(job, row).await } else { Ok(None) }
    }

    /// Claims the job when it is due and no run is in flight.
    async fn claim_if_due(&self, job: &PlannedJob, row: &JobRow) -> Result<Option<String>> {
        let (database, now) = (&self.options.database, now_micros());
        let PlannedJob { name, plan, .. } = job;
        let next = plan.next_after(now);
        // A time further off than the next scheduled one was meant for another schedule, or for a clock that was put back.
        // A server whose clock is a little ahead may have run the job already, so this one compares with the next time after its own clock plus the skew.
        if row.next_due_at > plan.next_after(now.saturating_add(micros(CLOCK_SKEW))) {
            row.postpone(database, next).await?;
            monitor::next_due(name, system_time(next));
            return Ok(None);
        }
        monitor::next_due(name, system_time(row.next_due_at));
        if row.next_due_at > now {
            return Ok(None);
        }
        if row.holder.is_some() {
            let counts = match plan.overlap {
                _ if row.is_waiting() => false,
                Overlap::Wait => row.wait_for_run(database).await?,
                Overlap::Skip => row.postpone(database, next).await?,
            };
            if counts {
                monitor::overlapped(name);
            }
            return Ok(None);
        }
        let claimed = row.claim(database, name, next, &self.options.instance).await?;
        if claimed.is_some() {
            let missed = plan.missed(row.next_due_at, now);
            if missed > 0 {
                monitor::missed(name, missed);
            }
            monitor::next_due(name, system_time(next));
            set_interval(name, plan);
        }
        Ok(claimed)
    }
}

/// A cron expression need not have the same interval all the time.
fn set_interval(name: &'static str, plan: &Plan) {
    if let Some(interval) = plan.interval_after(now_micros()) {
        monitor::interval(name, interval);
    }
}

fn system_time(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}
