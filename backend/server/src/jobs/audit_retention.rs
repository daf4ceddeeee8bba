//! The job `audit_retention`: forgets what is in the audit log for longer than `RETENTION__AUDIT`, and the days of users that no
//! count of active users asks for.

use std::time::Duration;

use super::Components;
use crate::config::JobsConfig;
use crate::database::{micros, now_micros};
use crate::error::Result;
use crate::scheduler::{Job, Plan, RunContext};
use crate::users::retention;

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// The job.
pub(super) struct AuditRetention(pub(super) Components);

impl Job for AuditRetention {
    const NAME: &'static str = "audit_retention";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::every(INTERVAL, config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let (Components { config, database, stopping, .. }, metadata) = (&self.0, &context.metadata);
        metadata.set("forgotten", 0);
        metadata.set("days_forgotten", 0);
        let before = now_micros().saturating_sub(micros(config.retention.audit));
        while !stopping.is_cancelled() {
            let (forgotten, more) = retention::forget_audit_before(database, before).await?;
            metadata.add("forgotten", forgotten);
            if !more {
                break;
            }
        }
        while !stopping.is_cancelled() {
            let (forgotten, more) = retention::forget_active_days(database).await?;
            metadata.add("days_forgotten", forgotten);
            if !more {
                break;
            }
        }
        Ok(())
    }
}
