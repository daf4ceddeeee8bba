//! When and where a job runs. Every second each server looks at the jobs' rows (`turn.rs`) and takes what is due.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use belfry_telemetry::jobs as monitor;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant as TokioInstant, MissedTickBehavior};

use super::clock::Watch;
use super::folder::folder_id;
use super::plan::{Overlap, Plan};
use super::record::{SILENCE, SKEW, micros};
use super::turn::{self, Turn};
use super::{Job, reaper, run};
use crate::config::Config;
use crate::database::{Database, Engine, bounds, now_micros};
use crate::error::{Result, chain};
use crate::events::jobs::ClockJumped;
use crate::state::{App, Shared};

/// How often due jobs are looked for.
const TICK: Duration = Duration::from_secs(1);

/// A job with its plan.
pub(super) struct Planned {
    pub(super) job: Job,
    pub(super) plan: Plan,
    /// Why it does not run on this server, if it does not.
    pub(super) disabled: Option<String>,
}

/// The scheduler as the rest of the process sees it.
pub struct Scheduler {
    planned: Vec<Planned>,
    born: Instant,
    /// When it last looked, in milliseconds since `born`; 0 before the first time.
    looked_at: AtomicU64,
    clock: Mutex<Watch>,
    /// The runs of this process, which live whatever their leases say.
    under_way: Mutex<HashSet<String>>,
    asked: Notify,
}

/// Says that a run of this process is under way, until it is dropped.
pub(super) struct UnderWay<'s> {
    scheduler: &'s Scheduler,
    id: String,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.scheduler.runs().remove(&self.id);
    }
}

impl Scheduler {
    /// Plans every job as the settings say.
    ///
    /// # Errors
    /// A data folder that cannot be written to.
    pub fn new(config: &Config, engine: Engine) -> anyhow::Result<Self> {
        let folder = folder_id(&config.data.dir).context("cannot give the data folder an id")?;
        let planned = Job::ALL.into_iter().map(|job| Planned {
            job,
            plan: job.plan(config, &folder),
            disabled: job.disabled_reason(config, engine),
        });
        Ok(Self {
            planned: planned.collect(),
            born: Instant::now(),
            looked_at: AtomicU64::new(0),
            clock: Mutex::default(),
            under_way: Mutex::default(),
            asked: Notify::new(),
        })
    }

    /// Time since the scheduler last looked for due jobs, or since it was made.
    pub fn silence(&self) -> Duration {
        self.born.elapsed().saturating_sub(Duration::from_millis(self.looked_at.load(Ordering::Relaxed)))
    }

    /// Every job with its plan.
    pub(super) fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// This job with its plan.
    pub(super) fn of(&self, job: Job) -> &Planned {
        self.planned.iter().find(|planned| planned.job == job).expect("every job is planned")
    }

    /// The plan of a row in `jobs`, which may be that of another folder.
    pub(super) fn plan_of_row(&self, row: &str) -> Option<Plan> {
        Job::of_row(row).map(|job| Plan { row: row.to_owned(), ..self.of(job).plan.clone() })
    }

    /// The job that comes next of those that run here, and when.
    pub async fn next_due(&self, database: &Database) -> Result<Option<(&'static str, i64)>> {
        let turns = Turn::all(database).await?;
        let enabled = self.planned.iter().filter(|planned| planned.disabled.is_none());
        let due = enabled.filter_map(|Planned { job, plan, .. }| {
            let turn = turns.iter().find(|turn| turn.row == plan.row)?;
            Some((job.name(), turn.next_due_at))
        });
        Ok(due.min_by_key(|(_, due)| *due))
    }

    /// Says that the run `id` of this process is under way.
    pub(super) fn under_way(&self, id: &str) -> UnderWay<'_> {
        self.runs().insert(id.to_owned());
        UnderWay { scheduler: self, id: id.to_owned() }
    }

    fn runs(&self) -> MutexGuard<'_, HashSet<String>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database is away, so nobody can renew a lease.
    pub(super) fn unsettle(&self) {
        self.clock().unsettle();
    }

    /// Whether leases of jobs can be judged: see `clock.rs`.
    pub fn is_settled(&self) -> bool {
        self.is_settled_for(SILENCE)
    }

    /// Whether whoever renews a lease within this time has had the time to renew it since the last jump or outage.
    pub fn is_settled_for(&self, time: Duration) -> bool {
        // A jump counts from the moment on that somebody judges by the new time, whoever looks first.
        self.look_at_clock();
        self.clock().is_settled_for(time)
    }

    fn look_at_clock(&self) {
        if let Some(seconds) = self.clock().look() {
            ClockJumped { seconds }.emit();
        }
    }

    fn clock(&self) -> MutexGuard<'_, Watch> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_looked(&self) {
        let elapsed = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.looked_at.store(elapsed.max(1), Ordering::Relaxed);
    }
}

/// Runs due jobs until the process stops, then waits for those under way. The processes `dead` of this data folder left
/// runs that nobody else may have ended yet.
pub async fn schedule(app: Shared, dead: Vec<String>) -> anyhow::Result<()> {
    for Planned { job, disabled, .. } in app.scheduler.planned() {
        match disabled {
            Some(reason) => tracing::info!(job_name = job.name(), reason, "a job is disabled"),
            None => monitor::announce(job.name()),
        }
    }
    run_due_jobs(&app, dead).await;
    Ok(())
}

async fn run_due_jobs(app: &Shared, mut dead: Vec<String>) {
    let mut under_way = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => break,
            () = app.scheduler.asked.notified() => {}
            _ = ticks.tick() => {}
        }
        app.scheduler.look_at_clock();
        match bounds::for_work(known_turns(app, &mut dead)).await {
            Ok(turns) => {
                for turn in turns {
                    let Some(job) = Job::of_row(&turn.row) else { continue };
                    let asked = TokioInstant::now();
                    match bounds::for_work(consider(app, job, &turn)).await {
                        Ok(Some(id)) => drop(under_way.spawn(run::run(app.clone(), job, id, asked))),
                        Ok(None) => {}
                        Err(error) => {
                            if error.is_passing() {
                                app.scheduler.unsettle();
                            }
                            tracing::warn!(job_name = job.name(), cause = chain(&error), "a job cannot be taken");
                        }
                    }
                }
            }
            Err(error) => {
                app.scheduler.unsettle();
                tracing::warn!(cause = chain(&error), "due jobs cannot be looked up");
            }
        }
        app.scheduler.has_looked();
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

/// The rows of all jobs, those that were not there yet included, once the runs of `dead` processes have ended.
async fn known_turns(app: &App, dead: &mut Vec<String>) -> Result<Vec<Turn>> {
    while let Some(instance) = dead.last() {
        reaper::reap_instance(app, instance).await?;
        dead.pop();
    }
    let turns = Turn::all(&app.database).await?;
    let enabled = app.scheduler.planned().iter().filter(|planned| planned.disabled.is_none());
    let missing = enabled.filter(|planned| !turns.iter().any(|turn| turn.row == planned.plan.row));
    let mut is_complete = true;
    for Planned { plan, .. } in missing {
        turn::introduce(&app.database, plan, plan.first(now_micros())).await?;
        is_complete = false;
    }
    if is_complete { Ok(turns) } else { Turn::all(&app.database).await }
}

/// Frees the job if its holder is dead, whosever it was; takes it if it is due here. Returns the id of the run that now
/// holds it.
async fn consider(app: &App, job: Job, turn: &Turn) -> Result<Option<String>> {
    let Planned { plan, disabled, .. } = app.scheduler.of(job);
    if let Some(holder) = &turn.holder
        && turn.is_abandoned(now_micros())
        && app.scheduler.is_settled()
        && !app.scheduler.runs().contains(holder)
    {
        let plan = Plan { row: turn.row.clone(), ..plan.clone() };
        reaper::abort(&app.database, job.name(), Some(&plan), holder).await?;
        return Ok(None);
    }
    let is_ours = turn.row == plan.row && disabled.is_none();
    if is_ours { take_if_due(app, job, plan, turn).await } else { Ok(None) }
}

/// Takes the job when it is due and no living process holds it.
async fn take_if_due(app: &App, job: Job, plan: &Plan, turn: &Turn) -> Result<Option<String>> {
    let (database, now) = (&app.database, now_micros());
    let next = plan.next_after(now);
    // A time further off than the next turn was meant for another schedule, or for a clock that was put back. Another
    // server whose clock is a little ahead may have taken the turn already, so this one looks from a little later.
    if turn.next_due_at > plan.next_after(now.saturating_add(micros(SKEW))) {
        turn.put_off(database, next).await?;
        monitor::next_due(job.name(), time(next));
        return Ok(None);
    }
    monitor::next_due(job.name(), time(turn.next_due_at));
    if turn.next_due_at > now {
        return Ok(None);
    }
    if turn.holder.is_some() {
        let counts = match plan.overlap {
            _ if turn.is_waiting() => false,
            Overlap::Wait => turn.wait(database).await?,
            Overlap::Skip => turn.put_off(database, next).await?,
        };
        if counts {
            monitor::overlapped(job.name());
        }
        return Ok(None);
    }
    let taken = turn.take(database, job, next, &app.instance.id).await?;
    if taken.is_some() {
        let missed = plan.missed(turn.next_due_at, now);
        if missed > 0 {
            monitor::missed(job.name(), missed);
        }
        monitor::next_due(job.name(), time(next));
    }
    Ok(taken)
}

/// Makes the job due now. Whichever server sees it first runs it.
pub(super) async fn make_due(app: &App, job: Job) -> Result<()> {
    turn::ask(&app.database, &app.scheduler.of(job).plan).await?;
    app.scheduler.asked.notify_one();
    Ok(())
}

fn time(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}
