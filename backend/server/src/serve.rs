//! `belfry serve`: opens what the service stands on, runs its tasks, and stops them in order.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use belfry_telemetry::{Identity, Telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, router};
use crate::config::Config;
use crate::database::Database;
use crate::jobs::Scheduler;
use crate::storage::Storage;
use crate::training::{Models, Wakers};
use crate::{catalogue, datasets, health, jobs, training};

/// The service's name, in labels and in the names of log files.
pub const SERVICE: &str = "belfry";

/// How long pending logs may take to be delivered at the end.
const FLUSH_GRACE: Duration = Duration::from_secs(3);

/// Serves until SIGTERM or SIGINT, or until one of its tasks fails. A second signal exits at once.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let identity =
        Identity { service: SERVICE, version: env!("CARGO_PKG_VERSION"), environment: config.app.environment.clone() };
    let telemetry = Telemetry::start(&identity, &config.telemetry, catalogue::ROWS)?;
    let result = run(config, &telemetry).await;
    if let Err(error) = &result {
        tracing::error!(cause = format!("{error:#}"), "the server stopped on an error");
    }
    if !telemetry.shut_down(FLUSH_GRACE).await {
        eprintln!("some log events were not delivered to Loki before the end");
    }
    result
}

async fn run(config: Config, telemetry: &Telemetry) -> anyhow::Result<()> {
    let database = Database::open(&config).await?;
    let storage = Storage::open(&config)?;
    let pool = database.clone();
    telemetry.before_scrape(move || pool.emit_pool());

    let address = std::net::SocketAddr::new(config.server.host, config.server.port);
    let grace = config.server.shutdown_grace;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot read the listener's address")?;
    let scheduler = Arc::new(Scheduler::new(&config, database.engine)?);
    let app = Arc::new(App {
        checks: health::checks(&config, &database, &storage, &scheduler),
        scheduler,
        started: Instant::now(),
        upload_slots: Semaphore::new(config.upload.max_concurrent),
        wakers: Wakers::default(),
        models: Models::default(),
        stopping: CancellationToken::new(),
        config,
        database,
        storage,
    });

    let stopping = app.stopping.clone();
    let server = axum::serve(listener, router(app.clone(), telemetry))
        .with_graceful_shutdown(stopping.clone().cancelled_owned())
        .into_future();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { server.await.context("the HTTP server failed") });
    tasks.spawn(training::work(app.clone()));
    tasks.spawn(jobs::schedule(app.clone()));
    tasks.spawn(health::watch(app.clone()));
    tasks.spawn(datasets::totals::watch(app.clone()));
    tracing::info!(%address, "listening");

    // The first task to end takes the others with it: half a service would hide its failure.
    let first = tokio::select! {
        signal = asked_to_stop() => signal,
        ended = tasks.join_next() => ended_early(ended),
    };
    tracing::info!("stopping");
    stopping.cancel();
    let rest = async {
        let mut result = first;
        while let Some(ended) = tasks.join_next().await {
            result = result.and(ended.context("a task panicked").and_then(|ended| ended));
        }
        result
    };
    tokio::select! {
        result = tokio::time::timeout(grace, rest) => match result {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!(grace_seconds = grace.as_secs(), "work was cut off at the end of the grace");
                Ok(())
            }
        },
        _ = asked_to_stop() => std::process::exit(130),
    }
}

fn ended_early(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match ended {
        Some(Ok(Ok(()))) | None => Err(anyhow::anyhow!("a task ended although nobody asked it to")),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(panic)) => Err(anyhow::Error::new(panic).context("a task panicked")),
    }
}

/// Ends when the process is asked to stop, by SIGTERM or SIGINT.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        result = tokio::signal::ctrl_c() => result.context("cannot listen for SIGINT"),
    }
}
