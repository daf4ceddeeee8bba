//! The checks of this service, each with its deadline, and what switches one off.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use belfry_telemetry::health::{Checks, Outcome};

use super::dependencies;
use crate::client_call::ServiceClient;
use crate::components::heartbeats::WorkerHeartbeats;
use crate::config::Config;
use crate::database::{Database, now_micros};
use crate::resources::{Level, Reading, Resources};
use crate::scheduler::Scheduler;
use crate::storage::Storage;

/// How long a check may take, and so how long `/health` may. With a report that lasts for a second, `/readyz` shows
/// an outage within three seconds of a request.
pub const DEADLINE: Duration = Duration::from_millis(1_700);

/// The scheduler polls every second. While the database is away a poll takes as long as all jobs wait for a connection; after
/// more time without a poll it is stuck.
const SCHEDULER_TIMEOUT: Duration = Duration::from_secs(30);

/// What the service depends on, for its checks.
pub struct Dependencies<'a> {
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
    pub client: &'a ServiceClient,
    /// `app_start_time_seconds` of this process.
    pub started: f64,
}

/// The checks of this service.
pub fn checks(dependencies: &Dependencies<'_>) -> Checks {
    let with_internal = internal_checks(dependencies, Checks::default());
    let with_workers = workers(dependencies, with_internal);
    let with_services = telegram(dependencies, ai(dependencies, with_workers));
    prometheus(dependencies, loki(dependencies, with_services))
}

/// The checks of the service's own parts.
fn internal_checks(dependencies: &Dependencies<'_>, checks: Checks) -> Checks {
    let (database, storage) = (dependencies.database.clone(), dependencies.storage.clone());
    let scheduler = dependencies.scheduler.clone();
    let (disk, memory) = (dependencies.resources.clone(), dependencies.resources.clone());
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
            let scheduler = scheduler.clone();
            async move {
                match scheduler.time_since_last_poll() {
                    idle if idle < SCHEDULER_TIMEOUT => Ok(next_due(&scheduler).await),
                    idle => Err(format!("scheduler has not polled for {} s", idle.as_secs())),
                }
            }
        })
        .optional("disk", DEADLINE, move || {
            let resources = disk.clone();
            async move { outcome_of_reading(resources.disk().await) }
        })
        .optional("memory", DEADLINE, move || {
            let resources = memory.clone();
            async move { outcome_of_reading(resources.memory().await) }
        })
}

fn outcome_of_reading(reading: Reading) -> Outcome {
    let usage = reading?;
    if usage.level() == Level::Ok {
        Ok(usage.to_string())
    } else {
        Err(format!("{usage}; the threshold is {} %", usage.warning_percent))
    }
}

/// Which job comes next here; without it when the database is away, which has a check of its own.
async fn next_due(scheduler: &Scheduler) -> String {
    match scheduler.next_due().await {
        Ok(Some((job_name, due))) => {
            format!("polls for due jobs; {job_name} is due in {} s", ((due - now_micros()) / 1_000_000).max(0))
        }
        _ => "polls for due jobs".to_owned(),
    }
}

fn workers(dependencies: &Dependencies<'_>, checks: Checks) -> Checks {
    let training = &dependencies.config.training;
    if training.workers == 0 {
        return checks.disabled("workers", "TRAINING__WORKERS is 0: other processes train");
    }
    // A run's end may be written for as long as its lease lasts, after a pause that is shorter.
    let (heartbeats, longest_run) = (dependencies.worker_heartbeats.clone(), training.timeout + training.lease * 3);
    checks.optional("workers", DEADLINE, move || {
        let outcome = heartbeats.check_workers(longest_run);
        async move { outcome }
    })
}

fn ai(dependencies: &Dependencies<'_>, checks: Checks) -> Checks {
    let ai = &dependencies.config.ai;
    let Some(base) = ai.base_url.clone().filter(|_| ai.enabled) else {
        return checks.disabled("ai", "AI__ENABLED is false");
    };
    let (client, key) = (dependencies.client.clone(), ai.api_key.clone());
    checks.optional("ai", DEADLINE, move || {
        let (client, base, key) = (client.clone(), base.clone(), key.clone());
        async move { dependencies::ai(&client, &base, &key).await }
    })
}

fn telegram(dependencies: &Dependencies<'_>, checks: Checks) -> Checks {
    let telegram = dependencies.config.telegram.clone();
    if !telegram.enabled {
        return checks.disabled("telegram", "TELEGRAM__ENABLED is false");
    }
    let client = dependencies.client.clone();
    checks.optional("telegram", DEADLINE, move || {
        let (client, telegram) = (client.clone(), telegram.clone());
        async move { dependencies::telegram(&client, &telegram.base_url, &telegram.token).await }
    })
}

fn loki(dependencies: &Dependencies<'_>, checks: Checks) -> Checks {
    let loki = dependencies.config.telemetry.loki.clone();
    if !loki.enabled {
        return checks.disabled("loki", "LOKI__ENABLED is false");
    }
    let client = dependencies.client.clone();
    checks.optional("loki", DEADLINE, move || {
        let (client, loki) = (client.clone(), loki.clone());
        async move { dependencies::loki(&client, &loki.url).await }
    })
}

fn prometheus(dependencies: &Dependencies<'_>, checks: Checks) -> Checks {
    let settings = &dependencies.config.telemetry.prometheus;
    if !settings.enabled {
        return checks.disabled("prometheus", "PROMETHEUS__ENABLED is false");
    }
    let Some(base) = settings.url.clone() else {
        return checks.disabled("prometheus", "PROMETHEUS__URL is not set");
    };
    let (client, job, started) = (dependencies.client.clone(), settings.job.clone(), dependencies.started);
    checks.optional("prometheus", DEADLINE, move || {
        let (client, base, job) = (client.clone(), base.clone(), job.clone());
        async move {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            dependencies::prometheus(&client, &base, &job, started, now).await
        }
    })
}
