//! The lease of a run: renewed by its heartbeat, and lost when that cannot be recorded in time.

use std::convert::Infallible;

use tokio::time::Instant;

use super::Scheduler;
use super::history;
use super::job::{JobMetadata, PlannedJob};
use crate::database::bounds::with_timeout;
use crate::error::chain;
use crate::leases::{HEARTBEAT_INTERVAL, HEARTBEAT_RETRY_PAUSE, SELF_STOP_TIMEOUT};
use crate::retry::ATTEMPT_TIMEOUT;

/// Why a run may not go on.
pub(super) enum LeaseLost {
    /// Another process has aborted it, and may have begun the next.
    TakenOver,
    /// No heartbeat was recorded for so long that another process may have done so.
    HeartbeatLost,
}

/// The lease by which a run holds its job.
pub(super) struct Lease<'r> {
    pub(super) scheduler: &'r Scheduler,
    pub(super) job: &'r PlannedJob,
    /// Of the run.
    pub(super) id: &'r str,
    pub(super) metadata: JobMetadata,
}

impl Lease<'_> {
    /// Renews the lease that was written at `claimed`, until it is lost.
    pub(super) async fn renew_until_lost(&self, claimed: Instant) -> LeaseLost {
        let mut renewed = claimed;
        loop {
            match tokio::time::timeout_at(renewed + SELF_STOP_TIMEOUT, self.heartbeat()).await {
                Ok((true, sent_at)) => renewed = sent_at,
                Ok((false, _)) => return LeaseLost::TakenOver,
                Err(_) => return LeaseLost::HeartbeatLost,
            }
        }
    }

    /// Renews a lease that may be lost while the end of its run is recorded: that write shows whether it was.
    pub(super) async fn renew_forever(&self) -> Infallible {
        loop {
            self.heartbeat().await;
        }
    }

    /// Waits for the next heartbeat and records it. Returns whether the claim is still the run's own, and when it was
    /// sent.
    async fn heartbeat(&self) -> (bool, Instant) {
        let options = &self.scheduler.options;
        let mut pause = HEARTBEAT_INTERVAL;
        loop {
            tokio::time::sleep(pause).await;
            let sent_at = Instant::now();
            let renewed = history::renew_lease(&options.database, &self.job.row, self.id, &self.metadata);
            match with_timeout(ATTEMPT_TIMEOUT, renewed).await {
                Ok(is_own) => return (is_own, sent_at),
                Err(error) => {
                    // Other servers cannot renew theirs either.
                    options.lease_clock.database_is_away();
                    tracing::warn!(job_name = self.job.name, cause = chain(&error), "job heartbeat not recorded");
                }
            }
            pause = HEARTBEAT_RETRY_PAUSE;
        }
    }
}
