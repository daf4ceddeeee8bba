//! The job `job_history_retention`: forgets runs of jobs older than `RETENTION__JOB_HISTORY`, and the jobs of data folders
//! that have had no server for so long, whose open alerts nobody else would ever resolve.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Components;
use crate::components::alerts::{self, resolve_all_of_source, source_of_request_faults};
use crate::config::JobsConfig;
use crate::database::{Database, micros, now_micros};
use crate::error::Result;
use crate::scheduler::{FORGET_BATCH, Job, Plan, RunContext, forget_jobs_of_folders, forget_runs_before};

/// How often it runs.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// The job.
pub(super) struct JobHistoryRetention(pub(super) Components);

impl Job for JobHistoryRetention {
    const NAME: &'static str = "job_history_retention";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::every(INTERVAL, config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let (Components { config, database, stopping, .. }, metadata) = (&self.0, &context.metadata);
        let kept = config.retention.job_history;
        let before = now_micros().saturating_sub(micros(kept));
        metadata.set("forgotten", 0);
        while !stopping.is_cancelled() {
            let forgotten = forget_runs_before(database, before).await?;
            metadata.add("forgotten", forgotten);
            if forgotten < FORGET_BATCH.unsigned_abs() {
                break;
            }
        }
        let folders = forget_folders(database, before, kept).await?;
        metadata.set("folder_jobs_forgotten", folders.jobs);
        metadata.set("alerts_resolved", folders.alerts);
        Ok(())
    }
}

/// What was forgotten with data folders.
#[derive(Debug, PartialEq, Eq)]
struct Forgotten {
    jobs: usize,
    /// Open alerts of these jobs.
    alerts: usize,
}

/// Forgets the jobs of data folders that have had no server since `time`, which is `kept` ago, and resolves their alerts.
async fn forget_folders(database: &Database, time: i64, kept: Duration) -> Result<Forgotten> {
    let why = format!("resolved because its data folder has had no server for {}", humantime::format_duration(kept));
    let mut transaction = database.begin().await?;
    let rows = forget_jobs_of_folders(&mut transaction, time).await?;
    let mut resolved = Vec::new();
    let folders: BTreeSet<&str> = rows.iter().filter_map(|row| Some(row.split_once('@')?.1)).collect();
    let of_requests = folders.into_iter().map(source_of_request_faults);
    for source in rows.iter().cloned().chain(of_requests) {
        resolved.extend(resolve_all_of_source(&mut transaction, &source, &why).await?);
    }
    transaction.commit().await?;
    let forgotten = Forgotten { jobs: rows.len(), alerts: resolved.len() };
    resolved.into_iter().for_each(alerts::Resolved::emit);
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::alerts::{Alerts, Announcer, Finding};
    use crate::config::Config;
    use crate::database::testing;
    use crate::labels::Severity;
    use crate::scheduler::insert_job;

    #[tokio::test]
    async fn jobs_of_a_folder_without_a_server_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let config = Config::read([]).unwrap().alerts;
        let alerts = Alerts::new(database.clone(), &config, Announcer::new(&config, None), "here");
        insert_job(&database, "business_snapshot", 1_000).await.unwrap();
        insert_job(&database, "resource_check@gone", 1_000).await.unwrap();
        insert_job(&database, "resource_check@here", 3_000).await.unwrap();
        for source in ["resource_check@gone", "resource_check@here", "requests@gone"] {
            let (name, severity) = ("DiskAlmostFull", Severity::Warning);
            let (component, summary, description) = ("resources", "It is almost full.", "90 %");
            let finding = Finding { name, severity, component, summary, description, source };
            alerts.raise(finding).await.unwrap();
        }
        let forgotten = forget_folders(&database, 2_000, Duration::from_secs(86_400)).await.unwrap();
        assert_eq!(forgotten, Forgotten { jobs: 1, alerts: 2 });
        let query = "SELECT source, description FROM alerts WHERE resolved_at IS NOT NULL ORDER BY source DESC";
        let resolved: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&database.pool).await.unwrap();
        let why = "90 %; resolved because its data folder has had no server for 1day";
        assert_eq!(
            resolved,
            ["resource_check@gone", "requests@gone"].map(|source| (source.to_owned(), why.to_owned()))
        );
        let query = "SELECT job_name FROM jobs ORDER BY job_name";
        let left: Vec<String> = sqlx::query_scalar(query).fetch_all(&database.pool).await.unwrap();
        assert_eq!(left, ["business_snapshot", "resource_check@here"]);
    }
}
