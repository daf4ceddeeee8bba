//! The components that handlers and background tasks share. The routes are in `router.rs`.

use std::sync::Arc;
use std::time::Instant;

use belfry_telemetry::health::Checks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::database::Database;
use crate::health::Resources;
use crate::jobs::Scheduler;
use crate::storage::Storage;
use crate::training::heartbeats::WorkerHeartbeats;
use crate::training::instance::Instance;
use crate::training::model_cache::ModelCache;
use crate::training::notifications::RunNotifications;

/// What every handler and background task needs.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub database: Database,
    /// The file store.
    pub storage: Storage,
    /// The health checks.
    pub checks: Checks,
    /// How full disk and memory are.
    pub resources: Arc<Resources>,
    /// Names this process in what it has claimed in the database; its lock shows that the process is alive.
    pub instance: Arc<Instance>,
    /// The heartbeats of the training workers of this process.
    pub worker_heartbeats: Arc<WorkerHeartbeats>,
    /// Uploads that may run at the same time.
    pub upload_slots: Semaphore,
    /// What the scheduler last did.
    pub scheduler: Arc<Scheduler>,
    /// When this process began to serve.
    pub started: Instant,
    /// Notifies workers of queued runs and streams of progress.
    pub run_notifications: RunNotifications,
    /// The models that predict.
    pub model_cache: ModelCache,
    /// Cancelled when the process was asked to stop: it is not ready for more, and still serves for `SERVER__DRAIN`.
    pub draining: CancellationToken,
    /// Cancelled after that: nothing new is begun.
    pub stopping: CancellationToken,
    /// Cancelled when most of `SERVER__SHUTDOWN_GRACE` is over: runs that are still trained go back to the queue.
    pub hand_back: CancellationToken,
    /// Cancelled near the end of `SERVER__SHUTDOWN_GRACE`: what still waits for a client is given up, in order.
    pub cut_off: CancellationToken,
}

/// The state of every router.
pub type Shared = Arc<App>;
