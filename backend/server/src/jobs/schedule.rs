//! When and where a job runs: each is a row in `jobs` with the time it is next due. Taking a due row is one statement,
//! so of several servers on one database exactly one runs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use belfry_telemetry::catalogue::ERRORS_TOTAL;
use belfry_telemetry::jobs::{self as monitor, JobRun};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::Job;
use super::record::{self, Ending, HEARTBEAT, SILENCE, micros};
use crate::app::{App, Shared};
use crate::cleanup;
use crate::database::{Database, now_micros};
use crate::error::{Result, chain};

/// How often due jobs are looked for.
const TICK: Duration = Duration::from_secs(1);

/// How often gauges that are facts of the database are read.
const REFRESH: Duration = Duration::from_secs(5);

/// The scheduler as the rest of the process sees it.
#[derive(Default)]
pub struct Scheduler {
    /// When it last looked, in microseconds since 1970; 0 before the first time.
    looked_at: AtomicI64,
    asked: Notify,
}

impl Scheduler {
    /// Time since the scheduler last looked for due jobs.
    pub fn silence(&self) -> Option<Duration> {
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        (looked_at > 0).then(|| Duration::from_micros((now_micros() - looked_at).unsigned_abs()))
    }

    /// Makes the scheduler look at once.
    pub(super) fn wake(&self) {
        self.asked.notify_one();
    }
}

/// Runs due jobs until the process stops, then waits for those under way.
pub async fn schedule(app: Shared) -> anyhow::Result<()> {
    for job in Job::ALL {
        monitor::announce(job.name());
        introduce(&app.database, job)
            .await
            .map_err(|error| anyhow::anyhow!("cannot enter a job: {}", chain(&error)))?;
    }
    tokio::join!(run_due_jobs(&app), refresh_facts(&app));
    Ok(())
}

async fn run_due_jobs(app: &Shared) {
    let mut under_way = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => break,
            () = app.scheduler.asked.notified() => {}
            _ = ticks.tick() => {}
        }
        for job in Job::ALL {
            match take_if_due(app, job).await {
                Ok(Some(id)) => drop(under_way.spawn(run(app.clone(), job, id))),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(job_name = job.name(), cause = chain(&error), "due jobs cannot be looked up")
                }
            }
        }
        app.scheduler.looked_at.store(now_micros(), Ordering::Relaxed);
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

/// Gauges that are the same on every server: read from the database, so that a dead loop elsewhere cannot freeze them.
async fn refresh_facts(app: &App) {
    let mut ticks = tokio::time::interval(REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = cleanup::measure_lag(&app.database).await {
            tracing::warn!(cause = chain(&error), "gauges could not be refreshed from the database");
        }
    }
}

/// A new job is due at once; a known one keeps its time.
async fn introduce(database: &Database, job: Job) -> Result<()> {
    sqlx::query("INSERT INTO jobs (job_name, next_due_at) VALUES ($1, $2) ON CONFLICT (job_name) DO NOTHING")
        .bind(job.name())
        .bind(now_micros())
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// Takes the job when it is due and no living process holds it. Returns the id of the run that now holds it.
async fn take_if_due(app: &App, job: Job) -> Result<Option<String>> {
    let database = &app.database;
    let now = now_micros();
    let interval = micros(job.interval(&app.config));
    let (stored_due, lease): (i64, Option<i64>) =
        sqlx::query_as("SELECT next_due_at, lease_until FROM jobs WHERE job_name = $1")
            .bind(job.name())
            .fetch_one(&database.pool)
            .await?;
    // A time further off than one interval was meant for a longer one, or for a clock that was wrong.
    let due = stored_due.min(now.saturating_add(interval));
    monitor::next_due(job.name(), time(due));
    if due > now {
        return Ok(None);
    }
    if lease.is_some_and(|lease| lease > now) {
        pass_over(database, job, stored_due, now + interval).await?;
        return Ok(None);
    }
    let id = Uuid::now_v7().to_string();
    let taken = sqlx::query(
        "UPDATE jobs SET holder = $1, lease_until = $2, next_due_at = $3 \
         WHERE job_name = $4 AND next_due_at = $5 AND (lease_until IS NULL OR lease_until <= $6)",
    )
    .bind(&id)
    .bind(now + micros(SILENCE))
    .bind(now + interval)
    .bind(job.name())
    .bind(stored_due)
    .bind(now)
    .execute(&database.pool)
    .await?;
    if taken.rows_affected() == 0 {
        // Another server was quicker.
        return Ok(None);
    }
    record::begin(database, job, &id).await?;
    // Whole intervals that went by while nobody ran it.
    let missed = (now - due) / interval.max(1);
    if missed > 0 {
        monitor::missed(job.name(), missed.unsigned_abs());
    }
    monitor::next_due(job.name(), time(now + interval));
    Ok(Some(id))
}

/// The job is due while its last run is still under way: the turn is counted and left out.
async fn pass_over(database: &Database, job: Job, due: i64, next: i64) -> Result<()> {
    let passed = sqlx::query("UPDATE jobs SET next_due_at = $1 WHERE job_name = $2 AND next_due_at = $3")
        .bind(next)
        .bind(job.name())
        .bind(due)
        .execute(&database.pool)
        .await?;
    if passed.rows_affected() > 0 {
        monitor::overlapped(job.name());
    }
    Ok(())
}

async fn run(app: Shared, job: Job, id: String) {
    let monitor = JobRun::begin(job.name());
    let work = tokio::spawn({
        let app = app.clone();
        async move { job.run(&app).await }
    });
    let ended = with_heartbeat(&app, job, &id, work).await;
    let ending = match ended {
        Ok(Ok(metadata)) => {
            Ending { status: "success", duration: monitor.succeeded(), error_message: None, metadata: Some(metadata) }
        }
        Ok(Err(error)) => failed(job, monitor, chain(&error)),
        Err(panic) => failed(job, monitor, panic.to_string()),
    };
    if let Err(error) = record::end(&app.database, job, &id, ending).await {
        // The reaper will find it silent.
        tracing::error!(job_name = job.name(), cause = chain(&error), "the end of a job's run could not be recorded");
    }
}

async fn with_heartbeat<T>(
    app: &Arc<App>,
    job: Job,
    id: &str,
    mut work: tokio::task::JoinHandle<T>,
) -> Result<T, tokio::task::JoinError> {
    let mut beats = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = beats.tick() => {
                if let Err(error) = record::beat(&app.database, job, id).await {
                    tracing::warn!(job_name = job.name(), cause = chain(&error), "a job's heartbeat could not be recorded");
                }
            }
        }
    }
}

fn failed(job: Job, monitor: JobRun, message: String) -> Ending {
    ERRORS_TOTAL.with(["job_failed", job.name()]).increment(1);
    tracing::error!(job_name = job.name(), cause = message, "a scheduled job failed");
    Ending { status: "failed", duration: monitor.failed(), error_message: Some(message), metadata: None }
}

/// Makes the job due now. Whichever server sees it first runs it.
pub(super) async fn make_due(app: &App, job: Job) -> Result<()> {
    sqlx::query("UPDATE jobs SET next_due_at = $1 WHERE job_name = $2")
        .bind(now_micros())
        .bind(job.name())
        .execute(&app.database.pool)
        .await?;
    app.scheduler.wake();
    Ok(())
}

fn time(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}
