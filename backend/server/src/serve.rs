//! `belfry serve`: opens what the service stands on, runs its tasks, and stops them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use belfry_telemetry::{Identity, Telemetry};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::make::Shared;

use crate::config::Config;
use crate::database::Database;
use crate::jobs::Scheduler;
use crate::outgoing::Outgoing;
use crate::router::router;
use crate::signals::Signals;
use crate::starting::Gate;
use crate::state::App;
use crate::storage::Storage;
use crate::training::heartbeats::WorkerHeartbeats;
use crate::training::instance::Instance;
use crate::training::model_cache::ModelCache;
use crate::training::notifications::RunNotifications;
use crate::{catalogue, data_lock, facts, health, jobs, training};

/// The service's name, in labels and in the names of log files.
pub const SERVICE: &str = "belfry";

/// How long pending logs and spans may take to be delivered at the end, and no more than a quarter of the grace.
const FLUSH_GRACE: Duration = Duration::from_secs(3);

/// Of the time before the flush: for work to end by itself. The rest is for giving it up in order.
const WORK_SHARE: f64 = 0.85;

/// How long it may take to stop a run's process and to hand the run back, and no more than half of the time for work.
const HAND_BACK: Duration = Duration::from_secs(2);

/// What the second signal makes of the exit code.
const CUT_OFF: i32 = 130;

/// Serves until SIGTERM or SIGINT, or until one of its tasks fails. A second signal exits at once.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let identity =
        Identity { service: SERVICE, version: env!("CARGO_PKG_VERSION"), environment: config.app.environment.clone() };
    let mut signals = Signals::listen()?;
    let telemetry = Telemetry::start(&identity, &config.telemetry, catalogue::ROWS)?;
    let flush_grace = flush_grace(&config);
    let result = run(config, &telemetry, &mut signals).await;
    if let Err(error) = &result {
        tracing::error!(cause = format!("{error:#}"), "the server stopped on an error");
    }
    let delivered = tokio::select! {
        delivered = telemetry.shut_down(flush_grace) => delivered,
        () = signals.next() => std::process::exit(CUT_OFF),
    };
    if !delivered {
        eprintln!("some log events or spans were not delivered before the end");
    }
    result
}

fn flush_grace(config: &Config) -> Duration {
    FLUSH_GRACE.min(config.server.shutdown_grace / 4)
}

/// What is left of the grace is for the flush and for the threads to end.
fn grace_before_flush(config: &Config) -> Duration {
    config.server.shutdown_grace.saturating_sub(flush_grace(config)).mul_f64(0.95)
}

/// The last part of the time before the flush, in which runs that were not finished are handed back.
fn time_for_hand_back(config: &Config) -> Duration {
    HAND_BACK.min(grace_before_flush(config).mul_f64(WORK_SHARE / 2.0))
}

async fn run(config: Config, telemetry: &Telemetry, signals: &mut Signals) -> anyhow::Result<()> {
    let address = SocketAddr::new(config.server.host, config.server.port);
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot read the listener's address")?;
    let (gate, stopping) = (Gate::default(), CancellationToken::new());
    let server =
        axum::serve(listener, Shared::new(gate.clone())).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { server.await.context("the HTTP server failed") });
    tracing::info!(%address, "starting");

    let opening = async {
        // Before the database is opened, which a restore may be about to replace.
        data_lock::share(&config.data.dir).await?;
        Database::open(&config).await
    };
    let database = tokio::select! {
        opened = opening => opened?,
        () = signals.next() => return Ok(()),
    };
    let (instance, dead) = training::open_instance(&config).await?;
    let app = assemble(config, database, telemetry, stopping, instance)?;
    gate.open(router(app.clone(), telemetry));
    tasks.spawn(jobs::schedule(app.clone(), dead.iter().map(|dead| dead.id.clone()).collect()));
    let hand_back_time = time_for_hand_back(&app.config);
    tasks.spawn(training::run_workers(app.clone(), dead, hand_back_time));
    tasks.spawn(health::watch(app.clone()));
    tasks.spawn(facts::watch(app.clone()));
    tracing::info!(%address, "listening");

    // The first task to end takes the others with it: half a service would hide its failure.
    let first = tokio::select! {
        () = signals.next() => Ok(()),
        ended = tasks.join_next() => ended_early(ended),
    };
    tokio::select! {
        result = stop(&app, tasks, first) => result,
        () = signals.next() => std::process::exit(CUT_OFF),
    }
}

fn assemble(
    config: Config,
    database: Database,
    telemetry: &Telemetry,
    stopping: CancellationToken,
    instance: Arc<Instance>,
) -> anyhow::Result<Arc<App>> {
    let storage = Storage::open(&config)?;
    let pool = database.clone();
    telemetry.before_scrape(move || pool.emit_pool());
    telemetry.watch_disk("data", &config.data.dir);
    let scheduler = Arc::new(Scheduler::new(&config, database.engine)?);
    let resources = Arc::new(health::Resources::new(&config, health::DEADLINE));
    let worker_heartbeats = Arc::new(WorkerHeartbeats::new(config.training.workers));
    let stands_on = health::StandsOn {
        config: &config,
        database: &database,
        storage: &storage,
        scheduler: &scheduler,
        resources: &resources,
        worker_heartbeats: &worker_heartbeats,
        outgoing: &Outgoing::new()?,
        started: telemetry.started(),
    };
    Ok(Arc::new(App {
        checks: health::checks(&stands_on),
        resources,
        instance,
        worker_heartbeats,
        scheduler,
        started: Instant::now(),
        upload_slots: Semaphore::new(config.upload.max_concurrent),
        run_notifications: RunNotifications::default(),
        model_cache: ModelCache::default(),
        draining: CancellationToken::new(),
        stopping,
        hand_back: CancellationToken::new(),
        cut_off: CancellationToken::new(),
        config,
        database,
        storage,
    }))
}

/// Drains, lets work end, and gives up in order what does not: within the grace less the time for the flush.
async fn stop(app: &App, mut tasks: JoinSet<anyhow::Result<()>>, first: anyhow::Result<()>) -> anyhow::Result<()> {
    app.draining.cancel();
    let drain = app.config.server.drain;
    if first.is_ok() && !drain.is_zero() {
        tracing::info!(drain_seconds = drain.as_secs_f64(), "not ready any more, and still serving");
        tokio::time::sleep(drain).await;
    }
    tracing::info!("stopping");
    app.stopping.cancel();
    let grace = grace_before_flush(&app.config);
    let give_up = grace.mul_f64((1.0 - WORK_SHARE) / 2.0);
    let work = grace.mul_f64(WORK_SHARE);
    let undisturbed = (work + give_up).saturating_sub(time_for_hand_back(&app.config));
    let mut rest = std::pin::pin!(async {
        let mut result = first;
        while let Some(ended) = tasks.join_next().await {
            result = result.and(ended.context("a task panicked").and_then(|ended| ended));
        }
        result
    });
    let ended = async {
        match tokio::time::timeout(undisturbed, &mut rest).await {
            Ok(result) => Ok(result),
            Err(_) => {
                app.hand_back.cancel();
                tokio::time::timeout(work.saturating_sub(undisturbed), &mut rest).await
            }
        }
    };
    let result = match ended.await {
        Ok(result) => result,
        Err(_) => {
            let grace_seconds = app.config.server.shutdown_grace.as_secs_f64();
            tracing::warn!(grace_seconds, "work is cut off near the end of the grace");
            app.cut_off.cancel();
            tokio::time::timeout(give_up, rest).await.unwrap_or(Ok(()))
        }
    };
    // A store that hangs must not keep the process.
    let _ = tokio::time::timeout(give_up, app.storage.settle()).await;
    result
}

fn ended_early(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match ended {
        Some(Ok(Ok(()))) | None => Err(anyhow::anyhow!("a task ended although nobody asked it to")),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(panic)) => Err(anyhow::Error::new(panic).context("a task panicked")),
    }
}
