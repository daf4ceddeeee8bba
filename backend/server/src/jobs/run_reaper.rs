//! The job `run_reaper`: aborts runs of jobs whose process died and that hold no job any more.

use std::time::Duration;

use crate::config::JobsConfig;
use crate::error::Result;
use crate::scheduler::{Job, Plan, RunContext};

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(60);

/// The job.
pub(super) struct RunReaper;

impl Job for RunReaper {
    const NAME: &'static str = "run_reaper";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::every(INTERVAL, config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        context.scheduler.abort_runs_without_heartbeat(&context.metadata).await
    }
}
