//! The lease of a run: shown to be alive by its heartbeat, and given up in time when that cannot be recorded.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::Instant;

use super::Job;
use super::plan::Plan;
use super::record::{self, SILENCE, SKEW};
use crate::database::bounds::within;
use crate::error::chain;
use crate::insist::TRY;
use crate::state::App;
use belfry_telemetry::jobs::JobMetadata as Notes;

/// How often a run shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The time before a heartbeat that failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// After this time without a heartbeat on record a run stops its work: from then on another server, whose clock may be
/// ahead, can declare it dead and begin the next.
pub(super) const FENCE: Duration = SILENCE.saturating_sub(SKEW);

/// Why a run may not go on.
pub(super) enum Lost {
    /// Another process has declared it dead, and may have begun the next.
    Taken,
    /// Nothing could be written for so long that another process may have done so.
    Unheard,
}

/// What a run holds its job by.
pub(super) struct Lease<'r> {
    pub(super) app: &'r App,
    pub(super) job: Job,
    pub(super) plan: &'r Plan,
    /// Of the run.
    pub(super) id: &'r str,
    pub(super) notes: Notes,
}

impl Lease<'_> {
    /// Keeps the lease that was written at `written`, until it is lost.
    pub(super) async fn keep(&self, written: Instant) -> Lost {
        let mut heard = written;
        loop {
            match tokio::time::timeout_at(heard + FENCE, self.beat()).await {
                Ok((true, asked)) => heard = asked,
                Ok((false, _)) => return Lost::Taken,
                Err(_) => return Lost::Unheard,
            }
        }
    }

    /// Keeps a lease that may be lost while the end of its run is written, which tells.
    pub(super) async fn keep_on(&self) -> Infallible {
        loop {
            self.beat().await;
        }
    }

    /// Waits for the next heartbeat and records it. Returns whether the run still holds its job, and when that was asked.
    async fn beat(&self) -> (bool, Instant) {
        let mut pause = HEARTBEAT;
        loop {
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            match within(TRY, record::beat(&self.app.database, self.plan, self.id, &self.notes)).await {
                Ok(holds) => return (holds, asked),
                Err(error) => {
                    // Nor can the others be heard.
                    self.app.scheduler.unsettle();
                    let job_name = self.job.name();
                    tracing::warn!(job_name, cause = chain(&error), "a job's heartbeat could not be recorded");
                }
            }
            pause = PAUSE;
        }
    }
}
