//! The job `ai_reservation_expiry`: gives calls to the AI provider whose process died before they had ended the outcome
//! `unknown`, once `AI__RESERVATION_TTL` has passed.

use std::time::Duration;

use super::Components;
use crate::config::JobsConfig;
use crate::error::Result;
use crate::scheduler::{Job, Plan, RunContext};

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(60);

/// The job.
pub(super) struct AiReservationExpiry(pub(super) Components);

impl Job for AiReservationExpiry {
    const NAME: &'static str = "ai_reservation_expiry";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::every(INTERVAL, config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let (Components { ai_ledger, stopping, .. }, metadata) = (&self.0, &context.metadata);
        metadata.set("expired", 0);
        while !stopping.is_cancelled() {
            let (expired, more) = ai_ledger.expire_reservations().await?;
            metadata.add("expired", expired as u64);
            if !more {
                break;
            }
        }
        Ok(())
    }
}
