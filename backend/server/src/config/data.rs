//! `DATA__*`, `DATABASE__*`, `STORAGE__*`, `UPLOAD__*`, `RETENTION__*` and `CLEANUP__*`: where data is, what is taken in, and for
//! how long it is kept.

use std::path::PathBuf;
use std::time::Duration;

use belfry_learning::profile::MAX_RECORD_BYTES;
use belfry_telemetry::settings::{self, Secret, between, bytes_between, duration_between};
use clap::{ArgAction, Args};

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
    /// How long resolved alerts are kept.
    #[arg(id = "RETENTION__ALERTS", default_value = "90d", value_parser = duration_between("1m", "3650d"))]
    pub alerts: Duration,
    /// How long it is known who changed what.
    #[arg(id = "RETENTION__AUDIT", default_value = "400d", value_parser = duration_between("1m", "3650d"))]
    pub audit: Duration,
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
