//! What is known of each job, in short.

use super::Scheduler;
use super::claim::JobRow;
use super::statistics::LATEST;
use crate::error::Result;

/// One job.
pub struct JobOverview {
    /// Its name.
    pub job_name: &'static str,
    /// Why it does not run on this server, if it does not.
    pub disabled_reason: Option<String>,
    /// When it is next due, in the tables' unit.
    pub next_due_at: Option<i64>,
    /// Start and status of its latest run.
    pub latest: Option<(i64, String)>,
}

impl Scheduler {
    /// Every job.
    pub async fn overview(&self) -> Result<Vec<JobOverview>> {
        let database = &self.options.database;
        let rows = JobRow::read_all(database).await?;
        let mut jobs = Vec::new();
        for job in &self.jobs {
            let latest = sqlx::query_as(LATEST).bind(job.name).fetch_optional(&database.pool).await?;
            let row = rows.iter().find(|row| row.name == job.row);
            let (disabled_reason, next_due_at) = (job.disabled_reason.clone(), row.map(|row| row.next_due_at));
            jobs.push(JobOverview { job_name: job.name, disabled_reason, next_due_at, latest });
        }
        Ok(jobs)
    }
}
