//! Scheduled jobs: which exist, and their history over HTTP.
//!
//! `plan.rs` says when and how each runs; `schedule.rs` takes what is due, through the rows of `turn.rs`; `run.rs` runs
//! it, holding its `lease.rs`; `record.rs` keeps the history, `reaper.rs` ends runs whose process died, `statistics.rs`
//! reads it, `http.rs` shows it. The other files are work of jobs.

mod backups;
mod clock;
mod folder;
mod http;
mod lease;
mod log_files;
mod plan;
#[cfg(test)]
mod query_plans;
mod reaper;
mod record;
mod recurrence;
mod removal;
mod resources;
mod run;
mod schedule;
mod snapshot;
mod statistics;
mod turn;

use belfry_telemetry::jobs::JobMetadata as Notes;

use crate::error::Result;
use crate::state::App;
use crate::{cleanup, orphans};

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

    /// Does the job's work, and notes down what it does, for its row.
    async fn run(self, app: &App, notes: &Notes) -> Result<()> {
        match self {
            Self::TtlCleanup => cleanup::sweep(app, notes).await,
            Self::OrphanSweep => orphans::sweep(app, notes).await,
            Self::RunReaper => reaper::reap(app, notes).await,
            Self::HistoryRetention => reaper::forget(app, notes).await,
            Self::DatabaseBackup => backups::back_up(app, notes).await,
            Self::BackupRetention => backups::remove_old(app, notes).await,
            Self::LogRetention => log_files::remove_old(app, notes).await,
            Self::BusinessSnapshot => snapshot::take(&app.database, notes).await,
            Self::ResourceCheck => resources::check(app, notes).await,
        }
    }
}
