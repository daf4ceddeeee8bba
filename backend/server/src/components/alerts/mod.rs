//! The alerts of this service itself: whatever notices a fault says so here. Each is kept in the database (`store.rs`), and
//! announced as a message, not too often (`announcer.rs`). Faults of single requests are gathered first (`request_faults.rs`).

mod announcer;
mod message;
mod request_faults;
mod store;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use announcer::{Announcer, SendMessage};

pub use request_faults::{RequestFault, source_of as source_of_request_faults};
pub use store::{Finding, Resolved, read_severity, resolve_all_of_source};

use crate::config::AlertsConfig;
use crate::database::Database;
use crate::error::Result;
use crate::labels::Severity;
use request_faults::RequestFaults;
use store::Raised;

/// Raises and resolves alerts.
pub struct Alerts {
    database: Database,
    announcer: Announcer,
    job_failures: i64,
    request_faults: RequestFaults,
}

impl Alerts {
    /// Alerts of the server of this data folder in this database, announced by `announcer`.
    pub fn new(database: Database, config: &AlertsConfig, announcer: Announcer, folder_id: &str) -> Arc<Self> {
        let job_failures = i64::from(config.job_failures);
        Arc::new(Self { database, announcer, job_failures, request_faults: RequestFaults::new(folder_id) })
    }

    /// Opens the alert of this name and source, or brings the open one up to date.
    pub async fn raise(&self, finding: Finding<'_>) -> Result<()> {
        let raised = store::raise(&self.database, finding).await?;
        self.announcer.raised(finding, raised == Raised::Now);
        Ok(())
    }

    /// Resolves the open alert of this name and source, if there is one.
    pub async fn resolve(&self, component: &str, name: &str, source: &str) -> Result<()> {
        if let Some(severity) = store::resolve(&self.database, name, source).await? {
            self.announcer.resolved(component, name, source, severity);
        }
        Ok(())
    }

    /// A run of a job has ended, with which the job has failed so often in a row. `row`: the job, and of which data folder.
    pub async fn job_ended(&self, row: &str, failures: i64, message: Option<&str>) -> Result<()> {
        const NAME: &str = "JobFailing";
        if failures >= self.job_failures {
            let description =
                format!("{row} has failed {failures} times in a row; at last: {}", message.unwrap_or("no message"));
            let summary = "A scheduled job fails again and again.";
            let (severity, component, description) = (Severity::Error, "scheduler", description.as_str());
            self.raise(Finding { name: NAME, severity, component, summary, description, source: row }).await
        } else if failures == 0 {
            self.resolve("scheduler", NAME, row).await
        } else {
            Ok(())
        }
    }

    /// A request failed by a fault of this side. Says so at once, and returns before it is on record.
    pub fn request_failed(&self, fault: RequestFault) {
        self.request_faults.add(fault);
    }

    /// Puts the faults of requests on record until the process stops.
    pub async fn record_request_faults(&self, stopping: CancellationToken) {
        self.request_faults.record(self, stopping).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::database::testing;
    use crate::labels::Component;

    async fn fresh(folder: &tempfile::TempDir) -> Arc<Alerts> {
        let config = Config::read([]).unwrap().alerts;
        Alerts::new(testing::fresh(folder.path()).await, &config, Announcer::new(&config, None), "here")
    }

    /// Name, source and description of each alert, and whether it is open.
    async fn rows(alerts: &Alerts) -> Vec<(String, String, String, bool)> {
        let query = "SELECT name, source, description, resolved_at FROM alerts ORDER BY id";
        let rows: Vec<(String, String, String, Option<i64>)> =
            sqlx::query_as(query).fetch_all(&alerts.database.pool).await.unwrap();
        rows.into_iter().map(|(name, source, text, resolved)| (name, source, text, resolved.is_none())).collect()
    }

    #[tokio::test]
    async fn a_job_is_an_alert_from_the_third_failure_to_a_success() {
        let folder = tempfile::tempdir().unwrap();
        let alerts = fresh(&folder).await;
        for failures in [1, 2] {
            alerts.job_ended("ttl_cleanup", failures, Some("no disk")).await.unwrap();
        }
        assert!(rows(&alerts).await.is_empty());
        alerts.job_ended("ttl_cleanup", 3, Some("no disk")).await.unwrap();
        // One that was aborted changes nothing.
        alerts.job_ended("ttl_cleanup", 3, Some("cut off")).await.unwrap();
        let found = rows(&alerts).await;
        assert_eq!((found.len(), found[0].0.as_str(), found[0].3), (1, "JobFailing", true));
        alerts.job_ended("ttl_cleanup", 0, None).await.unwrap();
        assert!(!rows(&alerts).await[0].3);
    }

    #[tokio::test]
    async fn failed_requests_are_one_alert_until_none_fails() {
        let folder = tempfile::tempdir().unwrap();
        let alerts = fresh(&folder).await;
        let fault = |component, code| RequestFault { component, code, request: "GET /api/v1/runs".to_owned() };
        for _ in 0..3 {
            alerts.request_failed(fault(Component::Database, "database_unavailable"));
        }
        alerts.request_failed(fault(Component::Api, "internal"));
        let long = std::time::Duration::from_secs(60);
        alerts.request_faults.record_once(&alerts, long).await;
        alerts.request_faults.record_once(&alerts, long).await;
        let found = rows(&alerts).await;
        let named: Vec<_> = found.iter().map(|(name, _, text, open)| (name.as_str(), &text[..1], *open)).collect();
        assert_eq!(named, [("DatabaseErrors", "3", true), ("ApiErrors", "1", true)]);
        assert!(found[0].2.ends_with("; at last GET /api/v1/runs: database_unavailable"), "{found:?}");
        assert_eq!(found[0].1, "requests@here");
        alerts.request_faults.record_once(&alerts, std::time::Duration::ZERO).await;
        assert!(rows(&alerts).await.iter().all(|(.., open)| !open));
        // It begins anew, and the next process of this data folder ends it.
        alerts.request_failed(fault(Component::Api, "internal"));
        alerts.request_faults.record_once(&alerts, long).await;
        let found = rows(&alerts).await;
        assert_eq!((found.len(), found[2].3, &found[2].2[..1]), (3, true, "1"));
        let config = Config::read([]).unwrap().alerts;
        let next = Alerts::new(alerts.database.clone(), &config, Announcer::new(&config, None), "here");
        next.request_faults.record_once(&next, long).await;
        assert!(rows(&next).await[2].3);
        next.request_faults.record_once(&next, std::time::Duration::ZERO).await;
        assert!(rows(&next).await.iter().all(|(.., open)| !open));
    }
}
