//! One run of a job: its work in a task of its own, with a heartbeat and a limit of time, and its end on record.

use belfry_telemetry::jobs::{EndedRun as Ended, JobRun, Status};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::Job;
use super::lease::{FENCE, Lease, Lost};
use super::record::{self, SILENCE};
use crate::error::{Error, Result, chain};
use crate::events::jobs::JobFailed;
use crate::insist::insist;
use crate::state::Shared;

/// How the work came to its end.
enum Work {
    Done(Result<()>),
    Panicked(JoinError),
    Stopped(Why),
}

/// Why work was stopped.
enum Why {
    TimedOut,
    LeaseLost(Lost),
    /// The process ends.
    CutOff,
}

/// Runs a job whose turn was taken by the run `id`, which holds it since `taken`.
pub(super) async fn run(app: Shared, job: Job, id: String, taken: Instant) {
    let _under_way = app.scheduler.under_way(&id);
    let monitor = JobRun::begin(job.name());
    let plan = &app.scheduler.of(job).plan;
    let lease = Lease { app: &app, job, plan, id: &id, notes: monitor.metadata() };
    let work = tokio::spawn({
        let (app, notes) = (app.clone(), monitor.metadata());
        async move { job.run(&app, &notes).await }
    });
    let ended = match watch(&lease, taken, work).await {
        Work::Done(Ok(())) => monitor.succeeded(),
        Work::Done(Err(error)) => monitor.failed(chain(&error)),
        Work::Panicked(panic) => monitor.failed(panic.to_string()),
        Work::Stopped(Why::TimedOut) => {
            let timeout = humantime::format_duration(plan.timeout);
            monitor.failed(format!("stopped: it took longer than its timeout of {timeout}"))
        }
        Work::Stopped(Why::CutOff) => monitor.aborted("stopped: the server was stopped before it had ended"),
        Work::Stopped(Why::LeaseLost(Lost::Taken)) => monitor.aborted("stopped: another process has taken it over"),
        Work::Stopped(Why::LeaseLost(Lost::Unheard)) => {
            let fence = humantime::format_duration(FENCE);
            monitor.aborted(format!("stopped: its heartbeat could not be recorded for {fence}"))
        }
    };
    // Nobody repeats it meanwhile.
    tokio::select! {
        () = put_on_record(&lease, ended) => {}
        never = lease.keep_on() => match never {},
    }
}

/// Watches the work to its end, or stops it.
async fn watch(lease: &Lease<'_>, taken: Instant, mut work: JoinHandle<Result<()>>) -> Work {
    let why = tokio::select! {
        ended = &mut work => return ended.map_or_else(Work::Panicked, Work::Done),
        () = tokio::time::sleep(lease.plan.timeout) => Why::TimedOut,
        lost = lease.keep(taken) => Why::LeaseLost(lost),
        () = lease.app.cut_off.cancelled() => Why::CutOff,
    };
    if matches!(why, Why::LeaseLost(_)) {
        tracing::error!(job_name = lease.job.name(), "a job is stopped: it may be taken over, or was");
    }
    work.abort();
    // Its task has ended when this returns, and is not to be met again by the next run. What it had handed to another thread, a
    // statement of SQLite or a file operation, goes on to its end: no job may be harmed by such a rest of its last run.
    match work.await {
        // It was quicker.
        Ok(ended) => Work::Done(ended),
        Err(panic) if panic.is_panic() => Work::Panicked(panic),
        Err(_) => Work::Stopped(why),
    }
}

/// Writes how the run ended, for as long as it takes: the process that is cut off meanwhile leaves it to whoever finds
/// the run silent. Only what the database took is counted.
async fn put_on_record(lease: &Lease<'_>, ended: Ended) {
    let (job_name, status) = (ended.job_name, ended.status);
    let write = || record::end(&lease.app.database, lease.plan, lease.id, &ended);
    // What will never be taken is not repeated for ever.
    let gives_up = |error: &Error, elapsed| !error.is_passing() && elapsed >= SILENCE;
    match insist("the end of a job's run", gives_up, write).await {
        Ok(true) => {
            if status == Status::Failed {
                JobFailed { job_name }.emit();
            }
            ended.record();
        }
        Ok(false) => {
            ended.discard();
            tracing::error!(job_name, "a job's run counts as aborted: another process has taken it over");
        }
        Err(error) => {
            ended.discard();
            tracing::error!(job_name, cause = chain(&error), "the end of a job's run could not be recorded");
        }
    }
}
