//! What a job says of itself. The list of jobs is in `jobs/mod.rs`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

/// What a run records of its work as it goes, as JSON; kept however the run ends.
pub use belfry_telemetry::jobs::JobMetadata;

use super::Scheduler;
use super::plan::Plan;
use crate::config::JobsConfig;
use crate::error::Result;

/// A scheduled job.
pub trait Job: Send + Sync {
    /// The name, as in the API, the tables and the labels.
    const NAME: &'static str;

    /// When and how it runs.
    fn plan(&self, config: &JobsConfig) -> Plan;

    /// Why it cannot run on this server, if it cannot.
    fn disabled_reason(&self) -> Option<String> {
        None
    }

    /// Does the work. Its next run may begin as soon as this has returned or was dropped.
    fn run(&self, context: &RunContext) -> impl Future<Output = Result<()>> + Send;
}

/// What a run is given.
pub struct RunContext {
    /// The job's row in `jobs`; for a job of a data folder it names the folder.
    pub job_row: String,
    /// Where it records what it does.
    pub metadata: JobMetadata,
    /// The scheduler that runs it.
    pub scheduler: Arc<Scheduler>,
}

/// A [`Job`] of any type.
pub trait AnyJob: Send + Sync {
    /// See [`Job::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Job::plan`].
    fn plan(&self, config: &JobsConfig) -> Plan;
    /// See [`Job::disabled_reason`].
    fn disabled_reason(&self) -> Option<String>;
    /// See [`Job::run`].
    fn run<'r>(&'r self, context: &'r RunContext) -> BoxFuture<'r, Result<()>>;
}

impl<J: Job> AnyJob for J {
    fn name(&self) -> &'static str {
        J::NAME
    }

    fn plan(&self, config: &JobsConfig) -> Plan {
        Job::plan(self, config)
    }

    fn disabled_reason(&self) -> Option<String> {
        Job::disabled_reason(self)
    }

    fn run<'r>(&'r self, context: &'r RunContext) -> BoxFuture<'r, Result<()>> {
        Job::run(self, context).boxed()
    }
}

/// A job with its plan on this server.
pub(super) struct PlannedJob {
    pub(super) name: &'static str,
    /// Its row in `jobs`: see [`Plan::row`].
    pub(super) row: String,
    pub(super) plan: Plan,
    /// Why it does not run on this server, if it does not.
    pub(super) disabled_reason: Option<String>,
    pub(super) job: Arc<dyn AnyJob>,
}

impl PlannedJob {
    pub(super) fn new(job: Arc<dyn AnyJob>, config: &JobsConfig, folder_id: &str) -> Self {
        let (name, plan) = (job.name(), job.plan(config));
        Self { name, row: plan.row(name, folder_id), plan, disabled_reason: job.disabled_reason(), job }
    }
}
