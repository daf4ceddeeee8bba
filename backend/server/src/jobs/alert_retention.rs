//! The job `alert_retention`: resolves the alerts that Alertmanager no longer repeats, and forgets alerts that were resolved
//! longer than `RETENTION__ALERTS` ago.

use std::time::Duration;

use super::Components;
use crate::alerts;
use crate::config::JobsConfig;
use crate::database::{micros, now_micros};
use crate::error::Result;
use crate::scheduler::{Job, Plan, RunContext};

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Alertmanager repeats what goes on at its `repeat_interval`, which is twelve hours at most in the configuration that comes with
/// the stack.
const REPEATED_WITHIN: Duration = Duration::from_secs(25 * 3_600);

/// The job.
pub(super) struct AlertRetention(pub(super) Components);

impl Job for AlertRetention {
    const NAME: &'static str = "alert_retention";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::every(INTERVAL, config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let (Components { config, database, stopping, .. }, metadata) = (&self.0, &context.metadata);
        let now = now_micros();
        let unreported = now.saturating_sub(micros(REPEATED_WITHIN));
        metadata.set("resolved", alerts::resolve_unreported_since(database, unreported).await?);
        metadata.set("forgotten", 0);
        let before = now.saturating_sub(micros(config.retention.alerts));
        while !stopping.is_cancelled() {
            let (forgotten, more) = alerts::forget_resolved_before(database, before).await?;
            metadata.add("forgotten", forgotten);
            if !more {
                break;
            }
        }
        Ok(())
    }
}
