//! Scheduled jobs: which exist and how often they run (`JOBS`), and their history over HTTP.
//!
//! `schedule.rs` decides when and where a job runs; `record.rs` keeps the history; `http.rs` shows it.

mod http;
mod record;
mod schedule;

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::config::Config;
use crate::error::Result;
use crate::{cleanup, database, orphans};

pub use http::router;
pub use schedule::{Scheduler, schedule};

/// A job of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Removes expired datasets.
    TtlCleanup,
    /// Marks runs of jobs whose process died as aborted.
    RunReaper,
    /// Forgets old runs of jobs.
    HistoryRetention,
    /// Removes files that no row knows.
    OrphanSweep,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 4] = [Self::TtlCleanup, Self::RunReaper, Self::HistoryRetention, Self::OrphanSweep];

    /// The name, as in the API, the tables and the labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::TtlCleanup => "ttl_cleanup",
            Self::RunReaper => "run_reaper",
            Self::HistoryRetention => "job_history_retention",
            Self::OrphanSweep => "orphan_sweep",
        }
    }

    /// The job of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// The time from one start to the next.
    fn interval(self, config: &Config) -> Duration {
        match self {
            Self::TtlCleanup => config.cleanup.interval,
            Self::RunReaper => Duration::from_secs(60),
            Self::HistoryRetention | Self::OrphanSweep => Duration::from_secs(3_600),
        }
    }

    /// Does the job's work and returns what it did, for its row.
    async fn run(self, app: &App) -> Result<Value> {
        match self {
            Self::TtlCleanup => cleanup::sweep(app).await,
            Self::OrphanSweep => orphans::sweep(app).await,
            Self::RunReaper => Ok(json!({ "aborted": record::abort_silent(&app.database).await? })),
            Self::HistoryRetention => {
                let kept = i64::try_from(app.config.retention.job_history.as_micros()).unwrap_or(i64::MAX);
                let forgotten =
                    record::forget_before(&app.database, database::now_micros().saturating_sub(kept)).await?;
                Ok(json!({ "forgotten": forgotten }))
            }
        }
    }
}
