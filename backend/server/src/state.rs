//! The components that handlers and background tasks share. The routes are in `router.rs`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRef;
use belfry_telemetry::health::Checks;

use crate::ai::Ai;
use crate::ai::ledger::Ledger;
use crate::buffered_body::BodyBudget;
use crate::components::access::AccessControl;
use crate::components::alerts::Alerts;
use crate::components::heartbeats::WorkerHeartbeats;
use crate::components::instance::Instance;
use crate::components::model_cache::ModelCache;
use crate::components::notifications::RunNotifications;
use crate::components::run_feeds::RunFeeds;
use crate::components::upload_slots::UploadSlots;
use crate::config::Config;
use crate::database::Database;
use crate::leases::LeaseClock;
use crate::resources::Resources;
use crate::scheduler::Scheduler;
use crate::shutdown::Shutdown;
use crate::storage::Storage;
use crate::telegram::Telegram;

/// What every handler and background task needs.
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub database: Database,
    /// Who may do what.
    pub access: Arc<AccessControl>,
    /// The file store.
    pub storage: Storage,
    /// The ledger of calls to the AI provider.
    pub ai_ledger: Arc<Ledger>,
    /// The health checks.
    pub checks: Checks,
    /// The texts of a model about runs and datasets.
    pub ai: Arc<Ai>,
    /// The alerts of this service itself.
    pub alerts: Arc<Alerts>,
    /// Where messages for Telegram are given.
    pub telegram: Telegram,
    /// How full disk and memory are.
    pub resources: Arc<Resources>,
    /// Names this process in what it claims in the database; its lock shows that the process is alive.
    pub instance: Arc<Instance>,
    /// The heartbeats of the training workers of this process.
    pub worker_heartbeats: Arc<WorkerHeartbeats>,
    /// Uploads that may be in flight at the same time.
    pub upload_slots: UploadSlots,
    /// The memory for JSON bodies.
    pub body_budget: BodyBudget,
    /// The memory for bodies whose senders are known only by a signature of the whole body. It is apart from that of the others,
    /// since anybody can use it up.
    pub unverified_bodies: BodyBudget,
    /// Runs due jobs.
    pub scheduler: Arc<Scheduler>,
    /// Says when leases can be judged.
    pub lease_clock: Arc<LeaseClock>,
    /// When this process began to serve.
    pub started: Instant,
    /// Notifies workers of queued runs and streams of progress.
    pub run_notifications: RunNotifications,
    /// What is known of the runs that clients follow.
    pub run_feeds: Arc<RunFeeds>,
    /// The models that predict.
    pub model_cache: ModelCache,
    /// The phases of the end of this process.
    pub shutdown: Shutdown,
}

/// The state of every router.
pub type Shared = Arc<App>;

impl FromRef<Shared> for BodyBudget {
    fn from_ref(app: &Shared) -> Self {
        app.body_budget.clone()
    }
}
