//! One run of a job: its work in a task of its own, with a heartbeat and a limit of time, and its end on record.

use belfry_telemetry::jobs::JobRun;
use serde_json::Value;
use tokio::task::{JoinError, JoinHandle};

use super::Job;
use super::record::{self, Ending, HEARTBEAT};
use crate::app::{App, Shared};
use crate::database::bounds;
use crate::error::{Result, chain};
use crate::events::jobs::JobFailed;

/// How the work came to its end.
enum Work {
    Done(Result<Value>),
    Panicked(JoinError),
    TimedOut,
    /// Another process has declared this run dead, and may have begun the next.
    LeaseLost,
}

/// Runs a job whose turn was taken by the run `id`.
pub(super) async fn run(app: Shared, job: Job, id: String) {
    let monitor = JobRun::begin(job.name());
    let plan = &app.scheduler.of(job).plan;
    let work = tokio::spawn({
        let app = app.clone();
        async move { job.run(&app).await }
    });
    let message = match watch(&app, job, &id, work).await {
        Work::Done(Ok(metadata)) => {
            let (duration, metadata) = (monitor.succeeded(), Some(metadata));
            return end(&app, job, &id, Ending { status: "success", duration, error_message: None, metadata }).await;
        }
        Work::LeaseLost => {
            monitor.taken_over();
            tracing::error!(job_name = job.name(), "a job was stopped: another process has taken it over");
            return;
        }
        Work::Done(Err(error)) => chain(&error),
        Work::Panicked(panic) => panic.to_string(),
        Work::TimedOut => {
            format!("stopped: it took longer than its timeout of {}", humantime::format_duration(plan.timeout))
        }
    };
    JobFailed { job_name: job.name(), cause: &message }.emit();
    let duration = monitor.failed();
    end(&app, job, &id, Ending { status: "failed", duration, error_message: Some(message), metadata: None }).await;
}

async fn end(app: &App, job: Job, id: &str, ending: Ending) {
    let plan = &app.scheduler.of(job).plan;
    if let Err(error) = bounds::for_work(record::end(&app.database, job, plan, id, ending)).await {
        // Whoever next looks for due jobs will find it silent.
        tracing::error!(job_name = job.name(), cause = chain(&error), "the end of a job's run could not be recorded");
    }
}

async fn watch(app: &App, job: Job, id: &str, mut work: JoinHandle<Result<Value>>) -> Work {
    let mut beats = tokio::time::interval(HEARTBEAT);
    let plan = &app.scheduler.of(job).plan;
    let timeout = tokio::time::sleep(plan.timeout);
    tokio::pin!(timeout);
    let why = loop {
        tokio::select! {
            ended = &mut work => return ended.map_or_else(Work::Panicked, Work::Done),
            () = &mut timeout => break Work::TimedOut,
            _ = beats.tick() => match bounds::for_work(record::beat(&app.database, plan, id)).await {
                Ok(true) => {}
                Ok(false) => break Work::LeaseLost,
                Err(error) => {
                    tracing::warn!(job_name = job.name(), cause = chain(&error), "a job's heartbeat could not be recorded");
                }
            }
        }
    };
    work.abort();
    // It has stopped when this returns, and is not to be met again by the next run.
    let _ = work.await;
    why
}
