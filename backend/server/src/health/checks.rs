//! The checks of this service, each with its deadline, and what switches one off.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use belfry_telemetry::health::{Checks, Outcome};

use super::dependencies;
use super::resources::{Level, Reading, Resources};
use crate::config::Config;
use crate::database::{Database, now_micros};
use crate::jobs::Scheduler;
use crate::outgoing::Outgoing;
use crate::storage::Storage;
use crate::training::heartbeats::WorkerHeartbeats;

/// How long a check may take, and so how long `/health` may. With a report that lasts for a second, `/readyz` tells of
/// an outage within three whenever it is asked.
pub const DEADLINE: Duration = Duration::from_millis(1_700);

/// The scheduler looks every second. While the database is away a look takes as long as all jobs wait for a connection;
/// silent for longer, it is stuck.
const SCHEDULER_SILENCE: Duration = Duration::from_secs(30);

/// What the checks look at.
pub struct StandsOn<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The database.
    pub database: &'a Database,
    /// The file store.
    pub storage: &'a Storage,
    /// What the scheduler last did.
    pub scheduler: &'a Arc<Scheduler>,
    /// How full disk and memory are.
    pub resources: &'a Arc<Resources>,
    /// The heartbeats of the training workers.
    pub worker_heartbeats: &'a Arc<WorkerHeartbeats>,
    /// The client for other services.
    pub outgoing: &'a Outgoing,
    /// `app_start_time_seconds` of this process.
    pub started: f64,
}

/// The checks of this service.
pub fn checks(on: &StandsOn<'_>) -> Checks {
    let with_own = own(on, Checks::default());
    let with_workers = workers(on, with_own);
    prometheus(on, loki(on, telegram(on, ai(on, with_workers))))
}

/// What the service is made of.
fn own(on: &StandsOn<'_>, checks: Checks) -> Checks {
    let (database, storage) = (on.database.clone(), on.storage.clone());
    let (scheduler, table) = (on.scheduler.clone(), on.database.clone());
    let (disk, memory) = (on.resources.clone(), on.resources.clone());
    checks
        .required("database", DEADLINE, move || {
            let database = database.clone();
            async move { database.probe().await.map(|()| "reads and writes".to_owned()) }
        })
        .required("storage", DEADLINE, move || {
            let storage = storage.clone();
            async move {
                let probed = storage.probe().await;
                probed
                    .map(|()| "writes, reads and deletes".to_owned())
                    .map_err(|error| format!("not usable: {error:#}"))
            }
        })
        .optional("scheduler", DEADLINE, move || {
            let (scheduler, table) = (scheduler.clone(), table.clone());
            async move {
                match scheduler.silence() {
                    silence if silence < SCHEDULER_SILENCE => Ok(next_due(&scheduler, &table).await),
                    silence => Err(format!("silent for {} s", silence.as_secs())),
                }
            }
        })
        .optional("disk", DEADLINE, move || {
            let resources = disk.clone();
            async move { verdict(resources.disk().await) }
        })
        .optional("memory", DEADLINE, move || {
            let resources = memory.clone();
            async move { verdict(resources.memory().await) }
        })
}

fn verdict(reading: Reading) -> Outcome {
    let usage = reading?;
    if usage.level() == Level::Ok {
        Ok(usage.to_string())
    } else {
        Err(format!("{usage}; the threshold is {} %", usage.warning_percent))
    }
}

/// Which job comes next here. That the database does not tell is its own check's affair.
async fn next_due(scheduler: &Scheduler, database: &Database) -> String {
    match scheduler.next_due(database).await {
        Ok(Some((job_name, due))) => {
            format!("looks for due jobs; {job_name} is due in {} s", ((due - now_micros()) / 1_000_000).max(0))
        }
        _ => "looks for due jobs".to_owned(),
    }
}

fn workers(on: &StandsOn<'_>, checks: Checks) -> Checks {
    let training = &on.config.training;
    if training.workers == 0 {
        return checks.disabled("workers", "TRAINING__WORKERS is 0: other processes train");
    }
    // A run's end may be written for as long as its lease lasts, after a pause that is shorter.
    let (heartbeats, longest_run) = (on.worker_heartbeats.clone(), training.timeout + training.lease * 3);
    checks.optional("workers", DEADLINE, move || {
        let checked = heartbeats.check_workers(longest_run);
        async move { checked }
    })
}

fn ai(on: &StandsOn<'_>, checks: Checks) -> Checks {
    let ai = &on.config.ai;
    let Some(base) = ai.base_url.clone().filter(|_| ai.enabled) else {
        return checks.disabled("ai", "AI__ENABLED is false");
    };
    let (outgoing, key) = (on.outgoing.clone(), ai.api_key.clone());
    checks.optional("ai", DEADLINE, move || {
        let (outgoing, base, key) = (outgoing.clone(), base.clone(), key.clone());
        async move { dependencies::ai(&outgoing, &base, &key).await }
    })
}

fn telegram(on: &StandsOn<'_>, checks: Checks) -> Checks {
    let telegram = on.config.telegram.clone();
    if !telegram.enabled {
        return checks.disabled("telegram", "TELEGRAM__ENABLED is false");
    }
    let outgoing = on.outgoing.clone();
    checks.optional("telegram", DEADLINE, move || {
        let (outgoing, telegram) = (outgoing.clone(), telegram.clone());
        async move { dependencies::telegram(&outgoing, &telegram.base_url, &telegram.token).await }
    })
}

fn loki(on: &StandsOn<'_>, checks: Checks) -> Checks {
    let loki = on.config.telemetry.loki.clone();
    if !loki.enabled {
        return checks.disabled("loki", "LOKI__ENABLED is false");
    }
    let outgoing = on.outgoing.clone();
    checks.optional("loki", DEADLINE, move || {
        let (outgoing, loki) = (outgoing.clone(), loki.clone());
        async move { dependencies::loki(&outgoing, &loki.url).await }
    })
}

fn prometheus(on: &StandsOn<'_>, checks: Checks) -> Checks {
    let settings = &on.config.telemetry.prometheus;
    if !settings.enabled {
        return checks.disabled("prometheus", "PROMETHEUS__ENABLED is false");
    }
    let Some(base) = settings.url.clone() else {
        return checks.disabled("prometheus", "PROMETHEUS__URL is not set");
    };
    let (outgoing, job, started) = (on.outgoing.clone(), settings.job.clone(), on.started);
    checks.optional("prometheus", DEADLINE, move || {
        let (outgoing, base, job) = (outgoing.clone(), base.clone(), job.clone());
        async move {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            dependencies::prometheus(&outgoing, &base, &job, started, now).await
        }
    })
}
