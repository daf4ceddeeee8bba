//! `JOBS__*`, `ALERTS__*` and `TRAINING__*`: what the server does besides answering requests.

use std::time::Duration;

use belfry_telemetry::settings::{self, Secret, between, bytes_between, duration_between};
use clap::{ArgAction, Args, ValueEnum};
use jiff::tz::TimeZone;

use super::recurrence::Recurrence;

/// `JOBS__*`. A schedule is an interval (`6h`) or a cron expression (`0 3 * * *`).
#[derive(Args, Clone, Debug)]
pub struct JobsConfig {
    /// IANA time zone of the cron expressions and of the days and months of budgets, such as Europe/Berlin.
    #[arg(id = "JOBS__TIME_ZONE", default_value = "UTC", value_parser = time_zone)]
    pub time_zone: TimeZone,
    /// When the database is saved to DATA__DIR/backups: an interval, or a cron expression.
    #[arg(id = "JOBS__BACKUP_SCHEDULE", default_value = "0 3 * * *", value_parser = Recurrence::parse)]
    pub backup_schedule: Recurrence,
    /// When the job `orphan_sweep` looks for files without rows and rows without files.
    #[arg(id = "JOBS__ORPHAN_SWEEP_SCHEDULE", default_value = "1h", value_parser = Recurrence::parse)]
    pub orphan_sweep_schedule: Recurrence,
    /// When the job `business_snapshot` counts datasets and runs.
    #[arg(id = "JOBS__BUSINESS_SNAPSHOT_SCHEDULE", default_value = "1h", value_parser = Recurrence::parse)]
    pub business_snapshot_schedule: Recurrence,
    /// When disk and memory are checked against their thresholds.
    #[arg(id = "JOBS__RESOURCE_CHECK_SCHEDULE", default_value = "60s", value_parser = Recurrence::parse)]
    pub resource_check_schedule: Recurrence,
    /// How long one run of a job may take.
    #[arg(id = "JOBS__TIMEOUT", default_value = "15m", value_parser = duration_between("1s", "7d"))]
    pub timeout: Duration,
    /// How long saving the database may take.
    #[arg(id = "JOBS__BACKUP_TIMEOUT", default_value = "1h", value_parser = duration_between("1s", "7d"))]
    pub backup_timeout: Duration,
    /// How often a failed run is retried before the job's next scheduled time.
    #[arg(id = "JOBS__RETRIES", default_value = "2", value_parser = between(0_u32, 20))]
    pub retries: u32,
    /// The pause before a failed run is retried; it doubles with each retry.
    #[arg(id = "JOBS__RETRY_PAUSE", default_value = "10s", value_parser = duration_between("100ms", "1d"))]
    pub retry_pause: Duration,
}

/// Who is told of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlertsMode {
    /// Whoever the settings name.
    Notify,
    /// Nobody: alerts are only evaluated and listed.
    Observe,
}

/// `ALERTS__*`
#[derive(Args, Clone, Debug)]
pub struct AlertsConfig {
    /// `notify`, or `observe`: alerts are evaluated and listed, and nobody is notified.
    #[arg(id = "ALERTS__MODE", default_value = "notify")]
    pub mode: AlertsMode,
    /// From this share of the data folder's disk in use, in percent, health is a warning; from 98, an error.
    #[arg(id = "ALERTS__THRESHOLD_DISK", default_value = "85", value_parser = between(1_u32, 98))]
    pub threshold_disk: u32,
    /// From this share of memory in use, in percent, health is a warning; from 98, an error. A container's limit counts.
    #[arg(id = "ALERTS__THRESHOLD_MEMORY", default_value = "90", value_parser = between(1_u32, 98))]
    pub threshold_memory: u32,
    /// How often in a row a scheduled job has to fail for the alert `JobFailing`.
    #[arg(id = "ALERTS__JOB_FAILURES", default_value = "3", value_parser = between(1_u32, 1_000))]
    pub job_failures: u32,
    /// How long an alert that was announced and resolved is not announced again.
    #[arg(id = "ALERTS__REPEAT_AFTER", default_value = "10m", value_parser = duration_between("1ms", "1d"))]
    pub repeat_after: Duration,
    /// The most messages about this service's own alerts that are sent at once, and then in each ten minutes.
    #[arg(id = "ALERTS__MAX_MESSAGES", default_value = "20", value_parser = between(1_u32, 10_000))]
    pub max_messages: u32,
    /// What Alertmanager sends as a bearer token with its notifications; without it none are taken.
    #[arg(id = "ALERTS__WEBHOOK_TOKEN", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub webhook_token: Secret,
}

/// `TRAINING__*`
#[derive(Args, Clone, Debug)]
pub struct TrainingConfig {
    /// Runs trained at the same time by this process; 0: this process only queues them.
    #[arg(id = "TRAINING__WORKERS", default_value = "1", value_parser = between(0_u32, 64))]
    pub workers: u32,
    /// How long one run may take.
    #[arg(id = "TRAINING__TIMEOUT", default_value = "10m", value_parser = duration_between("1s", "7d"))]
    pub timeout: Duration,
    /// Address space of one run's process.
    #[arg(id = "TRAINING__MEMORY_LIMIT", default_value = "2GiB", value_parser = bytes_between("32MiB", "1TiB"))]
    pub memory_limit: u64,
    /// The most attempts at a run whose worker dies, the first included.
    #[arg(id = "TRAINING__MAX_ATTEMPTS", default_value = "3", value_parser = between(1_u32, 100))]
    pub max_attempts: u32,
    /// How long a run's claim is valid without a heartbeat of its worker.
    #[arg(id = "TRAINING__LEASE", default_value = "30s", value_parser = duration_between("1s", "1d"))]
    pub lease: Duration,
    /// Runs that may wait; further ones are answered 503 with Retry-After.
    #[arg(id = "TRAINING__MAX_QUEUED", default_value = "1000", value_parser = between(1_u32, 1_000_000))]
    pub max_queued: u32,
    /// The most rows a run may train on.
    #[arg(id = "TRAINING__MAX_ROWS", default_value = "1000000", value_parser = between(1_u64, 100_000_000))]
    pub max_rows: u64,
    /// Memory for models that were asked for predictions, so that the next request need not read them again. A model that
    /// takes more is read for each request.
    #[arg(id = "TRAINING__MODEL_CACHE", default_value = "64MiB", value_parser = bytes_between("1MiB", "1TiB"))]
    pub model_cache: u64,
    /// Clients that may follow the events of runs at the same time; further ones are answered 503 with Retry-After. Each takes
    /// a connection: fewer than SERVER__MAX_CONNECTIONS_PER_ADDRESS leave some to the other clients of a proxy.
    #[arg(id = "TRAINING__MAX_FOLLOWERS", default_value = "200", value_parser = between(1_usize, 100_000))]
    pub max_followers: usize,
    /// The same for one run.
    #[arg(id = "TRAINING__MAX_FOLLOWERS_PER_RUN", default_value = "100", value_parser = between(1_usize, 100_000))]
    pub max_followers_per_run: usize,
    /// How long the events of a run may be silent before a comment is sent, by which a client sees that the connection is alive.
    #[arg(id = "TRAINING__FOLLOWERS_KEEP_ALIVE", default_value = "15s", value_parser = duration_between("1s", "5m"))]
    pub followers_keep_alive: Duration,
    /// Accept the algorithm `fake`, which ends as its parameters say; for tests.
    #[arg(id = "TRAINING__ALLOW_FAKE", default_value = "false", value_parser = settings::switch, action = ArgAction::Set, hide = true)]
    pub allow_fake: bool,
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "a time zone's IANA name such as UTC or Europe/Berlin".to_owned())
}
