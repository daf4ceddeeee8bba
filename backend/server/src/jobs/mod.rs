//! The work that the scheduler runs: one file or folder a job. A new job is an `impl Job` in a file here and one line in
//! [`all`]; when and how jobs are run is `scheduler/`.

mod ai_reservation_expiry;
mod alert_retention;
mod audit_retention;
mod backup_retention;
mod business_snapshot;
mod database_backup;
mod file_removal;
mod job_history_retention;
mod log_retention;
mod orphan_sweep;
mod resource_check;
mod run_reaper;
mod ttl_cleanup;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::ai::ledger::Ledger;
use crate::components::alerts::Alerts;
use crate::config::Config;
use crate::database::Database;
use crate::leases::LeaseClock;
use crate::resources::Resources;
use crate::scheduler::AnyJob;
use crate::storage::Storage;

pub use ttl_cleanup::measure_lag as measure_cleanup_lag;

/// What jobs work with.
#[derive(Clone)]
pub struct Components {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub database: Database,
    /// The ledger of calls to the AI provider.
    pub ai_ledger: Arc<Ledger>,
    /// The file store.
    pub storage: Storage,
    /// What is wrong is said to these.
    pub alerts: Arc<Alerts>,
    /// How full disk and memory are.
    pub resources: Arc<Resources>,
    /// Says when times of the machine's clock can be trusted.
    pub lease_clock: Arc<LeaseClock>,
    /// Cancelled when the process stops: a run then begins no further piece of work.
    pub stopping: CancellationToken,
}

/// Every job, in the order in which they are listed.
pub fn all(components: &Components) -> Vec<Arc<dyn AnyJob>> {
    let components = || components.clone();
    vec![
        Arc::new(ttl_cleanup::TtlCleanup(components())),
        Arc::new(run_reaper::RunReaper),
        Arc::new(ai_reservation_expiry::AiReservationExpiry(components())),
        Arc::new(job_history_retention::JobHistoryRetention(components())),
        Arc::new(alert_retention::AlertRetention(components())),
        Arc::new(audit_retention::AuditRetention(components())),
        Arc::new(orphan_sweep::OrphanSweep(components())),
        Arc::new(database_backup::DatabaseBackup(components())),
        Arc::new(backup_retention::BackupRetention(components())),
        Arc::new(log_retention::LogRetention(components())),
        Arc::new(business_snapshot::BusinessSnapshot(components())),
        Arc::new(resource_check::ResourceCheck(components())),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::components::alerts::Announcer;
    use crate::database::testing;
    use crate::scheduler::{self, Scheduler};

    #[tokio::test]
    async fn every_job_has_a_name_of_its_own_and_a_time_ahead() {
        let folder = tempfile::tempdir().unwrap();
        let variables = [("DATA__DIR".to_owned(), folder.path().display().to_string())];
        let config = Arc::new(Config::read(variables).unwrap());
        let database = testing::fresh(folder.path()).await;
        let alerts = Alerts::new(database.clone(), &config.alerts, Announcer::new(&config.alerts, None), "of-a-folder");
        let components = Components {
            database: database.clone(),
            alerts: alerts.clone(),
            ai_ledger: Ledger::new(database.clone(), &config, belfry_ledger::Prices::bundled()),
            storage: Storage::open(&config).unwrap(),
            resources: Arc::new(Resources::new(&config, std::time::Duration::from_secs(1))),
            lease_clock: Arc::default(),
            stopping: CancellationToken::new(),
            config: config.clone(),
        };
        let jobs = all(&components);
        let names: HashSet<_> = jobs.iter().map(|job| job.name()).collect();
        assert_eq!(names.len(), jobs.len());
        for job in jobs {
            let plan = job.plan(&config.jobs);
            assert!(plan.recurrence.next_after(0, &plan.time_zone) > 0, "{}", job.name());
        }
        let options = scheduler::Options {
            database: components.database.clone(),
            alerts,
            instance: "this".to_owned(),
            lease_clock: Arc::default(),
            stopping: CancellationToken::new(),
            cut_off: CancellationToken::new(),
        };
        let scheduler = Scheduler::new(options, all(&components), &config.jobs, "of-a-folder");
        let rows = scheduler.rows_and_their_jobs();
        let of_folders = rows.iter().filter(|(row, _)| row.ends_with("@of-a-folder")).count();
        assert_eq!((rows.len(), of_folders), (names.len(), 3));
        for (row, job) in rows {
            assert_eq!(job, row.split('@').next());
        }
    }
}
