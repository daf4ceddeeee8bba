//! Scheduled jobs: which exist, and their history over HTTP.
//!
//! `plan.rs` says when and how each runs; `schedule.rs` takes what is due, through the rows of `turn.rs`; `run.rs` runs
//! it; `record.rs` keeps the history, `statistics.rs` reads it, `http.rs` shows it. The other files are work of jobs.

mod backups;
mod clock;
mod folder;
mod http;
mod log_files;
mod plan;
mod record;
mod recurrence;
mod resources;
mod run;
mod schedule;
mod snapshot;
mod statistics;
mod turn;

use serde_json::{Value, json};

use crate::app::App;
use crate::error::Result;
use crate::events::jobs::JobAborted;
use crate::{cleanup, database, orphans};

pub use http::router;
pub use recurrence::Recurrence;
pub use schedule::{Scheduler, schedule};
pub use snapshot::show_latest as show_latest_snapshot;

/// A job of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Removes expired datasets.
    TtlCleanup,
    /// Marks runs of jobs whose process died as aborted.
    RunReaper,
    /// Forgets old runs of jobs.
    HistoryRetention,
    /// Removes files that no row knows, and rows whose file is gone.
    OrphanSweep,
    /// Saves the database to a file.
    DatabaseBackup,
    /// Removes old such files.
    BackupRetention,
    /// Removes old log files.
    LogRetention,
    /// Counts what there is.
    BusinessSnapshot,
    /// Raises and resolves alerts on disk and memory.
    ResourceCheck,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 9] = [
        Self::TtlCleanup,
        Self::RunReaper,
        Self::HistoryRetention,
        Self::OrphanSweep,
        Self::DatabaseBackup,
        Self::BackupRetention,
        Self::LogRetention,
        Self::BusinessSnapshot,
        Self::ResourceCheck,
    ];

    /// The name, as in the API, the tables and the labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::TtlCleanup => "ttl_cleanup",
            Self::RunReaper => "run_reaper",
            Self::HistoryRetention => "job_history_retention",
            Self::OrphanSweep => "orphan_sweep",
            Self::DatabaseBackup => "database_backup",
            Self::BackupRetention => "backup_retention",
            Self::LogRetention => "log_retention",
            Self::BusinessSnapshot => "business_snapshot",
            Self::ResourceCheck => "resource_check",
        }
    }

    /// The job of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// Does the job's work and returns what it did, for its row.
    async fn run(self, app: &App) -> Result<Value> {
        match self {
            Self::TtlCleanup => cleanup::sweep(app).await,
            Self::OrphanSweep => orphans::sweep(app).await,
            Self::RunReaper => reap(app).await,
            Self::HistoryRetention => forget(app).await,
            Self::DatabaseBackup => backups::back_up(app).await,
            Self::BackupRetention => backups::remove_old(app).await,
            Self::LogRetention => log_files::remove_old(app).await,
            Self::BusinessSnapshot => snapshot::take(&app.database).await,
            Self::ResourceCheck => resources::check(app).await,
        }
    }
}

async fn reap(app: &App) -> Result<Value> {
    // Until then the living may look dead; the next turn is soon enough.
    let aborted = if app.scheduler.is_settled() { record::abort_silent(&app.database).await? } else { Vec::new() };
    for (id, name) in &aborted {
        if let Some(job) = Job::named(name) {
            JobAborted { job_name: job.name(), id }.emit();
        }
    }
    Ok(json!({ "aborted": aborted.len() }))
}

async fn forget(app: &App) -> Result<Value> {
    let kept = record::micros(app.config.retention.job_history);
    let before = database::now_micros().saturating_sub(kept);
    let mut forgotten = 0;
    loop {
        let (batch, more) = record::forget_before(&app.database, before).await?;
        forgotten += batch;
        if !more || app.stopping.is_cancelled() {
            break;
        }
    }
    let folders = turn::forget_folders(&app.database, before).await?;
    Ok(json!({ "forgotten": forgotten, "folders_forgotten": folders }))
}
