//! One run of a job: its work in a task of its own, with a heartbeat and a time limit, and its end on record.

use std::sync::Arc;

use belfry_telemetry::jobs::{EndedRun, JobRun, Status};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::Scheduler;
use super::history;
use super::job::{PlannedJob, RunContext};
use super::lease::{Lease, LeaseLost};
use crate::database::bounds::with_background_timeout;
use crate::error::{Error, Result, chain};
use crate::events::jobs::JobFailed;
use crate::leases::{HEARTBEAT_TIMEOUT, SELF_STOP_TIMEOUT};
use crate::retry::retry_until_written;

/// How the work ended.
enum Work {
    Done(Result<()>),
    Panicked(JoinError),
    Stopped(StopReason),
}

/// Why work was stopped.
enum StopReason {
    TimedOut,
    LeaseLost(LeaseLost),
    /// The process ends.
    CutOff,
}

/// Runs the job `job_name`, which the run `id` has claimed at `claimed`.
pub(super) async fn run_job(scheduler: Arc<Scheduler>, job_name: &'static str, id: String, claimed: Instant) {
    let Some(job) = scheduler.job_named(job_name) else { return };
    let _in_flight = scheduler.guard_in_flight(&id);
    let monitor = JobRun::begin(job_name);
    let lease = Lease { scheduler: &scheduler, job, id: &id, metadata: monitor.metadata() };
    let work = tokio::spawn({
        let context =
            RunContext { job_row: job.row.clone(), metadata: monitor.metadata(), scheduler: scheduler.clone() };
        let job = job.job.clone();
        async move { job.run(&context).await }
    });
    let ended = match watch_work(&lease, claimed, work).await {
        Work::Done(Ok(())) => monitor.succeeded(),
        Work::Done(Err(error)) => monitor.failed(chain(&error)),
        Work::Panicked(panic) => monitor.failed(panic.to_string()),
        Work::Stopped(StopReason::TimedOut) => {
            let timeout = humantime::format_duration(job.plan.timeout);
            monitor.failed(format!("stopped: it took longer than its timeout of {timeout}"))
        }
        Work::Stopped(StopReason::CutOff) => monitor.aborted("stopped: the server was stopped before it had ended"),
        Work::Stopped(StopReason::LeaseLost(LeaseLost::TakenOver)) => {
            monitor.aborted("stopped: another process has taken it over")
        }
        Work::Stopped(StopReason::LeaseLost(LeaseLost::HeartbeatLost)) => {
            let timeout = humantime::format_duration(SELF_STOP_TIMEOUT);
            monitor.aborted(format!("stopped: its heartbeat could not be recorded for {timeout}"))
        }
    };
    // The lease is renewed meanwhile, so that no other server retries the run.
    tokio::select! {
        () = record_end(&lease, ended) => {}
        never = lease.renew_forever() => match never {},
    }
}

/// Watches the work to its end, or stops it.
async fn watch_work(lease: &Lease<'_>, claimed: Instant, mut work: JoinHandle<Result<()>>) -> Work {
    let reason = tokio::select! {
        ended = &mut work => return ended.map_or_else(Work::Panicked, Work::Done),
        () = tokio::time::sleep(lease.job.plan.timeout) => StopReason::TimedOut,
        lost = lease.renew_until_lost(claimed) => StopReason::LeaseLost(lost),
        () = lease.scheduler.options.cut_off.cancelled() => StopReason::CutOff,
    };
    match reason {
        StopReason::LeaseLost(LeaseLost::HeartbeatLost) => {
            tracing::error!(job_name = lease.job.name, "job heartbeat lost; the run is stopped");
        }
        StopReason::LeaseLost(LeaseLost::TakenOver) => {
            tracing::error!(job_name = lease.job.name, "job taken over by another process; the run is stopped");
        }
        StopReason::TimedOut | StopReason::CutOff => {}
    }
    work.abort();
    // The task has ended when this returns, so it does not overlap the next run. What it has passed to another thread, a
    // statement of SQLite or a file operation, goes on to its end: every job must tolerate that during its next run.
    match work.await {
        // It ended before it was aborted.
        Ok(ended) => Work::Done(ended),
        Err(panic) if panic.is_panic() => Work::Panicked(panic),
        Err(_) => Work::Stopped(reason),
    }
}

/// Records how the run ended, for as long as it takes. A process that is cut off meanwhile leaves the run to the reaper.
/// Only what is on record is counted.
async fn record_end(lease: &Lease<'_>, ended: EndedRun) {
    let (job_name, status) = (ended.job_name, ended.status);
    let PlannedJob { row, plan, .. } = lease.job;
    let message = ended.message.clone();
    let ended = UncountedEnd(Some(ended));
    let write = || history::end_run(&lease.scheduler.options.database, row, plan, lease.id, ended.get());
    // A write that the database will never accept is not retried for ever.
    let gives_up = |error: &Error, elapsed| !error.is_transient() && elapsed >= HEARTBEAT_TIMEOUT;
    match retry_until_written("the end of a job's run", gives_up, write).await {
        Ok(Some(failures)) => {
            ended.count();
            if status == Status::Failed {
                JobFailed { job_name }.emit();
            }
            let told = lease.scheduler.options.alerts.job_ended(row, failures, message.as_deref());
            if let Err(error) = with_background_timeout(told).await {
                tracing::warn!(
                    job_name,
                    cause = chain(&error),
                    "the alert of a failing job could not be put on record"
                );
            }
        }
        Ok(None) => {
            tracing::error!(job_name, "job run taken over by another process; it counts as aborted");
        }
        Err(error) => {
            tracing::error!(job_name, cause = chain(&error), "recording the end of a job run failed");
        }
    }
}

/// The end of a run that the database has not taken yet. Dropped so, as when the process is cut off, the run is not counted
/// here: whoever finds it without a heartbeat records it as aborted, and counts it.
struct UncountedEnd(Option<EndedRun>);

impl UncountedEnd {
    fn get(&self) -> &EndedRun {
        self.0.as_ref().expect("only counting and dropping take it")
    }

    /// The database has taken it.
    fn count(mut self) {
        if let Some(ended) = self.0.take() {
            ended.record();
        }
    }
}

impl Drop for UncountedEnd {
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            ended.discard();
        }
    }
}

#[cfg(test)]
mod tests {
    use belfry_telemetry::testing::changed_series;

    use super::*;

    fn counted(end: impl FnOnce(UncountedEnd)) -> Vec<String> {
        let mut lines = changed_series(|| end(UncountedEnd(Some(JobRun::begin("ttl_cleanup").succeeded()))));
        lines.retain(|line| line.starts_with("scheduler_jobs_total"));
        lines
    }

    #[test]
    fn an_end_that_the_database_took_is_counted() {
        assert_eq!(
            counted(UncountedEnd::count),
            [r#"scheduler_jobs_total{job_name="ttl_cleanup",status="success"} 1"#]
        );
    }

    #[test]
    fn an_end_that_was_cut_off_is_left_to_the_reaper() {
        assert!(counted(drop).is_empty());
    }
}
