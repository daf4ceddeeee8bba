//! Every setting, one struct a section. A variable's description and default are here and nowhere else.

mod check;
mod limits;
mod recurrence;

use std::path::PathBuf;
use std::time::Duration;

use belfry_learning::profile::MAX_RECORD_BYTES;
use belfry_telemetry::settings::{self, Secret, SettingsError, between, bytes_between, duration_between};
use belfry_telemetry::{Identity, TelemetrySettings};
use clap::{ArgAction, Args};
use jiff::tz::TimeZone;

pub use limits::{HostNames, LimitsConfig, Origins};
pub use recurrence::Recurrence;

/// The service's name, in labels and in the names of log files.
pub const SERVICE: &str = "belfry";

/// The fewest threads for blocking work with which the server does all it does.
pub const LEAST_BLOCKING_THREADS: usize = 8;

/// All settings.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The application.
    #[command(flatten)]
    pub app: AppConfig,
    /// The listener.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Local state.
    #[command(flatten)]
    pub data: DataConfig,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Where files are kept.
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Uploads.
    #[command(flatten)]
    pub upload: UploadConfig,
    /// How long datasets live.
    #[command(flatten)]
    pub retention: RetentionConfig,
    /// The clean-up job.
    #[command(flatten)]
    pub cleanup: CleanupConfig,
    /// Scheduled jobs.
    #[command(flatten)]
    pub jobs: JobsConfig,
    /// When health turns to a warning.
    #[command(flatten)]
    pub alerts: AlertsConfig,
    /// Training runs.
    #[command(flatten)]
    pub training: TrainingConfig,
    /// The AI provider.
    #[command(flatten)]
    pub ai: AiConfig,
    /// Telegram.
    #[command(flatten)]
    pub telegram: TelegramConfig,
    /// Metrics and logs.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

/// `APP__*`
#[derive(Args, Clone, Debug)]
pub struct AppConfig {
    /// Where this runs, as a label: production, staging, development.
    #[arg(id = "APP__ENVIRONMENT", default_value = "production", value_parser = settings::name_up_to(64))]
    pub environment: String,
    /// Which server this is, as the label `instance` of its log lines and spans; unset: the machine's name and SERVER__PORT.
    #[arg(id = "APP__INSTANCE", default_value = "", value_parser = instance)]
    pub instance: String,
}

/// `SERVER__*`
#[derive(Args, Clone, Debug)]
pub struct ServerConfig {
    /// Address to listen on.
    #[arg(id = "SERVER__HOST", default_value = "127.0.0.1", value_parser = address)]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(id = "SERVER__PORT", default_value = "8000", value_parser = between(0_u16, u16::MAX))]
    pub port: u16,
    /// Time from SIGTERM to the end of the process: requests and runs in flight may go on for most of it.
    #[arg(id = "SERVER__SHUTDOWN_GRACE", default_value = "15s", value_parser = duration_between("100ms", "1h"))]
    pub shutdown_grace: Duration,
    /// Time before that in which everything is still served and `/readyz` answers 503, for a load balancer to notice.
    #[arg(id = "SERVER__DRAIN", default_value = "0s", value_parser = duration_between("0s", "1h"))]
    pub drain: Duration,
    /// Threads for blocking work, such as files and predictions; further work waits for one. Fewer where the process limit of
    /// the container needs it.
    #[arg(id = "SERVER__BLOCKING_THREADS", default_value = "64", value_parser = between(LEAST_BLOCKING_THREADS, 512))]
    pub blocking_threads: usize,
    /// What clients may cost.
    #[command(flatten)]
    pub limits: LimitsConfig,
}

/// `DATA__*`
#[derive(Args, Clone, Debug)]
pub struct DataConfig {
    /// Folder for the embedded database, the local files and work in progress.
    #[arg(id = "DATA__DIR", default_value = "./data")]
    pub dir: PathBuf,
}

/// `DATABASE__*`
#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`; unset: a SQLite file in DATA__DIR.
    #[arg(id = "DATABASE__URL", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub url: Secret,
    /// The most connections to the database. At least TRAINING__WORKERS.
    #[arg(id = "DATABASE__MAX_CONNECTIONS", default_value = "8", value_parser = between(2_u32, 500))]
    pub max_connections: u32,
    /// How long a request waits for a connection before it is answered 503.
    #[arg(id = "DATABASE__ACQUIRE_TIMEOUT", default_value = "2s", value_parser = duration_between("100ms", "1m"))]
    pub acquire_timeout: Duration,
}

/// `STORAGE__*`
#[derive(Args, Clone, Debug)]
pub struct StorageConfig {
    /// `s3://bucket/prefix` for an S3-compatible store; unset: the folder `files` in DATA__DIR.
    #[arg(id = "STORAGE__URL", default_value = "")]
    pub url: String,
    /// The S3-compatible store's address, such as http://minio:9000; unset: the provider's own.
    #[arg(id = "STORAGE__ENDPOINT", default_value = "", value_parser = endpoint)]
    pub endpoint: String,
    /// The S3 region.
    #[arg(id = "STORAGE__REGION", default_value = "us-east-1", value_parser = region)]
    pub region: String,
    /// The S3 access key.
    #[arg(id = "STORAGE__ACCESS_KEY_ID", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub access_key_id: Secret,
    /// The S3 secret key.
    #[arg(id = "STORAGE__SECRET_ACCESS_KEY", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub secret_access_key: Secret,
}

/// `UPLOAD__*`
#[derive(Args, Clone, Debug)]
pub struct UploadConfig {
    /// Largest upload, as sent.
    #[arg(id = "UPLOAD__MAX_BYTES", default_value = "4GiB", value_parser = bytes_between("64KiB", "1TiB"))]
    pub max_bytes: u64,
    /// Largest upload once unpacked; ends gzip bombs.
    #[arg(id = "UPLOAD__MAX_UNCOMPRESSED_BYTES", default_value = "16GiB", value_parser = bytes_between("64KiB", "16TiB"))]
    pub max_uncompressed_bytes: u64,
    /// The most columns a dataset may have.
    #[arg(id = "UPLOAD__MAX_COLUMNS", default_value = "2000", value_parser = between(1_usize, 100_000))]
    pub max_columns: usize,
    /// How many times its size a compressed upload may have once unpacked, where that is more than 16MiB; ends gzip bombs
    /// early. Repetitive tables have 100; gzip can make 1032.
    #[arg(id = "UPLOAD__MAX_RATIO", default_value = "200", value_parser = between(2_u32, 1_100))]
    pub max_ratio: u32,
    /// How long the table of one upload may take to read, without the time in which its client sends.
    #[arg(id = "UPLOAD__MAX_PROCESSING_TIME", default_value = "10m", value_parser = duration_between("1ms", "1d"))]
    pub max_processing_time: Duration,
    /// The longest row, which an upload may take in memory; at most UPLOAD__MAX_UNCOMPRESSED_BYTES. The line of column names may
    /// have 4MiB at most.
    #[arg(id = "UPLOAD__MAX_RECORD_BYTES", default_value = "512KiB", value_parser = record_bytes)]
    pub max_record_bytes: usize,
    /// Uploads at the same time; further ones are answered 503 with Retry-After.
    #[arg(id = "UPLOAD__MAX_CONCURRENT", default_value = "16", value_parser = between(1_usize, 10_000))]
    pub max_concurrent: usize,
    /// Idle time after which an upload is aborted (408). At most SERVER__BODY_TIMEOUT, which holds for uploads as well.
    #[arg(id = "UPLOAD__IDLE_TIMEOUT", default_value = "30s", value_parser = duration_between("100ms", "1h"))]
    pub idle_timeout: Duration,
}

/// `RETENTION__*`
#[derive(Args, Clone, Debug)]
pub struct RetentionConfig {
    /// How long a dataset is kept when its upload does not say. Between the two that follow.
    #[arg(id = "RETENTION__TTL", default_value = "7d", value_parser = duration_between("1s", "3650d"))]
    pub ttl: Duration,
    /// The shortest lifetime an upload may request.
    #[arg(id = "RETENTION__MIN_TTL", default_value = "60s", value_parser = duration_between("1s", "3650d"))]
    pub min_ttl: Duration,
    /// The longest lifetime an upload may request.
    #[arg(id = "RETENTION__MAX_TTL", default_value = "90d", value_parser = duration_between("1s", "3650d"))]
    pub max_ttl: Duration,
    /// Whether an upload may request to be kept for ever (`ttl_seconds=never`).
    #[arg(id = "RETENTION__ALLOW_NEVER", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub allow_never: bool,
    /// How long the history of scheduled jobs is kept.
    #[arg(id = "RETENTION__JOB_HISTORY", default_value = "30d", value_parser = duration_between("1m", "3650d"))]
    pub job_history: Duration,
    /// How many backups of the database the job `database_backup` keeps.
    #[arg(id = "RETENTION__BACKUPS", default_value = "10", value_parser = between(1_u32, 10_000))]
    pub backups: u32,
    /// For how many days log files are kept, where there are any.
    #[arg(id = "RETENTION__LOG_DAYS", default_value = "30", value_parser = between(1_u32, 10_000))]
    pub log_days: u32,
}

/// `CLEANUP__*`
#[derive(Args, Clone, Debug)]
pub struct CleanupConfig {
    /// How often expired datasets are removed.
    #[arg(id = "CLEANUP__INTERVAL", default_value = "60s", value_parser = duration_between("100ms", "30d"))]
    pub interval: Duration,
    /// Expired datasets removed in one batch; bounds memory.
    #[arg(id = "CLEANUP__BATCH", default_value = "500", value_parser = between(1_u32, 10_000))]
    pub batch: u32,
    /// Files without a row are kept until they are this old: their row may be about to be committed. At least
    /// TRAINING__LEASE.
    // 10s is longer than it takes from a file that is complete to its row, or to the end of the attempt to write that.
    #[arg(id = "CLEANUP__ORPHAN_GRACE", default_value = "1h", value_parser = duration_between("10s", "30d"))]
    pub orphan_grace: Duration,
}

/// `JOBS__*`. A schedule is an interval (`6h`) or a cron expression (`0 3 * * *`).
#[derive(Args, Clone, Debug)]
pub struct JobsConfig {
    /// IANA time zone of the cron expressions, such as Europe/Berlin.
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

/// `ALERTS__*`
#[derive(Args, Clone, Debug)]
pub struct AlertsConfig {
    /// From this share of the data folder's disk in use, in percent, health is a warning; from 98, an error.
    #[arg(id = "ALERTS__THRESHOLD_DISK", default_value = "85", value_parser = between(1_u32, 98))]
    pub threshold_disk: u32,
    /// From this share of memory in use, in percent, health is a warning; from 98, an error. A container's limit counts.
    #[arg(id = "ALERTS__THRESHOLD_MEMORY", default_value = "90", value_parser = between(1_u32, 98))]
    pub threshold_memory: u32,
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
    /// Memory for models that were asked for predictions, so that the next request need not read them again.
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

/// `AI__*`
#[derive(Args, Clone, Debug)]
pub struct AiConfig {
    /// Whether an AI provider is used.
    #[arg(id = "AI__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The OpenAI-compatible API, such as https://api.openai.com/v1.
    #[arg(id = "AI__BASE_URL", value_parser = settings::http_url)]
    pub base_url: Option<url::Url>,
    /// Its API key.
    #[arg(id = "AI__API_KEY", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub api_key: Secret,
}

/// `TELEGRAM__*`
#[derive(Args, Clone, Debug)]
pub struct TelegramConfig {
    /// Whether a Telegram bot is used.
    #[arg(id = "TELEGRAM__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The Bot API's address.
    #[arg(id = "TELEGRAM__BASE_URL", default_value = "https://api.telegram.org", value_parser = settings::http_url)]
    pub base_url: url::Url,
    /// The bot's token.
    #[arg(id = "TELEGRAM__TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub token: Secret,
}

impl Config {
    /// Reads and checks the settings of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        if let Some(misspelt) = Self::misspelt_in_env().into_iter().next() {
            return Err(misspelt);
        }
        Self::read(settings::environment::<Self>()?)
    }

    /// Reads and checks the settings in `variables`.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let config: Self = settings::read(variables)?;
        config.contradictions().into_iter().next().map_or(Ok(config), Err)
    }

    /// Which server this is: `APP__INSTANCE`, or what stays the same when the server is started again.
    pub fn instance(&self) -> String {
        if !self.app.instance.is_empty() {
            return self.app.instance.clone();
        }
        // Port 0 is another one with every start.
        Identity::default_instance(Some(self.server.port).filter(|port| *port != 0))
    }

    /// The connections that one address may have, if followers of runs may take all of them.
    pub fn connections_below_followers(&self) -> Option<usize> {
        let limits = &self.server.limits;
        let connections = limits.max_connections.min(limits.max_connections_per_address);
        (self.training.max_followers >= connections).then_some(connections)
    }

    /// The variables of this process that are most likely settings with a misspelt section.
    pub fn misspelt_in_env() -> Vec<SettingsError> {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        settings::misspelt_sections::<Self>(set.map(|(variable, _)| variable.to_string_lossy().into_owned()))
    }
}

impl ServerConfig {
    /// Whole seconds from SIGTERM to the end of the process, at the most.
    pub fn shutdown_seconds(&self) -> u64 {
        let whole = self.drain + self.shutdown_grace;
        whole.as_secs() + u64::from(whole.subsec_nanos() > 0)
    }
}

fn instance(text: &str) -> Result<String, String> {
    let fits = text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("up to 100 visible ASCII characters, such as belfry-1:8000".to_owned()) }
}

fn address(text: &str) -> Result<std::net::IpAddr, String> {
    text.parse().map_err(|_| "an IP address such as 127.0.0.1 or 0.0.0.0".to_owned())
}

/// The URL of an S3-compatible store, as it is written: the client takes a path in it as it is.
fn endpoint(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { settings::http_url(text).map(|_| text.to_owned()) }
}

/// It becomes part of a host's name.
fn region(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let usable = text.len() <= 64 && text.chars().all(plain);
    if usable { Ok(text.to_owned()) } else { Err("a region such as us-east-1".to_owned()) }
}

fn record_bytes(text: &str) -> Result<usize, String> {
    const { assert!(MAX_RECORD_BYTES == 64 << 20) };
    bytes_between("1KiB", "64MiB")(text).map(|bytes| bytes as usize)
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "a time zone's IANA name such as UTC or Europe/Berlin".to_owned())
}

#[cfg(test)]
mod tests;
