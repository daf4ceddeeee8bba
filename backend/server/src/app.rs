//! The state that handlers share, and the whole API on one page.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use belfry_telemetry::Telemetry;
use belfry_telemetry::health::Checks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::Config;
use crate::database::Database;
use crate::health::Resources;
use crate::jobs::Scheduler;
use crate::storage::Storage;
use crate::training::{Beats, Models, Wakers, Workplace};
use crate::{alerts, datasets, health, jobs, request, training};

/// The largest JSON body; uploads have their own limit.
pub const JSON_LIMIT_BYTES: usize = 2 * 1024 * 1024;

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
    /// Names this process in what it holds in the database; its lock shows that it lives.
    pub workplace: Arc<Workplace>,
    /// The signs of life of the workers of this process.
    pub beats: Arc<Beats>,
    /// Uploads that may run at the same time.
    pub upload_slots: Semaphore,
    /// What the scheduler last did.
    pub scheduler: Arc<Scheduler>,
    /// When this process began to serve.
    pub started: Instant,
    /// Tells workers of new runs and listeners of progress.
    pub wakers: Wakers,
    /// The models that predict.
    pub models: Models,
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

/// The whole API.
pub fn router(app: Shared, telemetry: &Telemetry) -> Router {
    let api = Router::new()
        .merge(datasets::router())
        .merge(training::router())
        .merge(jobs::router())
        .merge(alerts::router())
        .merge(health::router())
        .fallback(request::unmatched)
        .method_not_allowed_fallback(request::not_allowed)
        .layer(DefaultBodyLimit::max(JSON_LIMIT_BYTES))
        .layer(CatchPanicLayer::custom(request::panicked))
        .with_state(app);
    telemetry.observe(api)
}
