//! `belfry serve`: opens what the service stands on, runs its tasks, and stops them in order.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use belfry_telemetry::{Identity, Telemetry};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app::{App, router};
use crate::config::Config;
use crate::database::Database;
use crate::jobs::Scheduler;
use crate::outgoing::Outgoing;
use crate::signals::Signals;
use crate::storage::Storage;
use crate::training::{Beats, Models, Wakers};
use crate::{catalogue, datasets, health, jobs, starting, training};

/// How long pending logs and spans may take to be delivered at the end, and no more than a quarter of the grace.
const FLUSH_GRACE: Duration = Duration::from_secs(3);

/// Of the time before the flush: for work to end by itself. The rest is for giving it up in order.
const WORK_SHARE: f64 = 0.85;

/// What the second signal makes of the exit code.
const CUT_OFF: i32 = 130;

/// Serves until SIGTERM or SIGINT, or until one of its tasks fails. A second signal exits at once.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let identity =
        Identity { service: "belfry", version: env!("CARGO_PKG_VERSION"), environment: config.app.environment.clone() };
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

async fn run(config: Config, telemetry: &Telemetry, signals: &mut Signals) -> anyhow::Result<()> {
    let (listener, address, start) = listen(&config)?;
    let database = tokio::select! {
        opened = Database::open(&config) => opened?,
        () = signals.next() => return Ok(()),
    };
    let storage = Storage::open(&config)?;
    let pool = database.clone();
    telemetry.before_scrape(move || pool.emit_pool());
    telemetry.watch_disk("data", &config.data.dir);

    let drain = config.server.drain;
    // What is left of the grace is for the flush and for the threads to end.
    let grace = config.server.shutdown_grace.saturating_sub(flush_grace(&config)).mul_f64(0.95);
    let scheduler = Arc::new(Scheduler::default());
    let beats = Arc::new(Beats::new(config.training.workers));
    let stands_on = health::StandsOn {
        config: &config,
        database: &database,
        storage: &storage,
        scheduler: &scheduler,
        beats: &beats,
        outgoing: &Outgoing::new()?,
        started: telemetry.started(),
    };
    let app = Arc::new(App {
        checks: health::checks(&stands_on),
        beats,
        scheduler,
        started: Instant::now(),
        upload_slots: Semaphore::new(config.upload.max_concurrent),
        wakers: Wakers::default(),
        models: Models::default(),
        draining: CancellationToken::new(),
        stopping: CancellationToken::new(),
        cut_off: CancellationToken::new(),
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
    drop(start);
    tracing::info!(%address, "listening");

    // The first task to end takes the others with it: half a service would hide its failure.
    let first = tokio::select! {
        () = signals.next() => Ok(()),
        ended = tasks.join_next() => ended_early(ended),
    };
    app.draining.cancel();
    if first.is_ok() && !drain.is_zero() {
        tracing::info!(drain_seconds = drain.as_secs_f64(), "not ready any more, and still serving");
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            () = signals.next() => std::process::exit(CUT_OFF),
        }
    }
    tracing::info!("stopping");
    stopping.cancel();
    let rest = async {
        let mut result = first;
        while let Some(ended) = tasks.join_next().await {
            result = result.and(ended.context("a task panicked").and_then(|ended| ended));
        }
        result
    };
    let ending = async {
        let mut rest = std::pin::pin!(rest);
        let result = match tokio::time::timeout(grace.mul_f64(WORK_SHARE), &mut rest).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!(grace_seconds = grace.as_secs_f64(), "work is cut off at the end of the grace");
                app.cut_off.cancel();
                tokio::time::timeout(grace.mul_f64((1.0 - WORK_SHARE) / 2.0), rest).await.unwrap_or(Ok(()))
            }
        };
        // A store that hangs must not keep the process.
        let _ = tokio::time::timeout(grace.mul_f64((1.0 - WORK_SHARE) / 2.0), app.storage.settle()).await;
        result
    };
    tokio::select! {
        result = ending => result,
        () = signals.next() => std::process::exit(CUT_OFF),
    }
}

fn ended_early(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match ended {
        Some(Ok(Ok(()))) | None => Err(anyhow::anyhow!("a task ended although nobody asked it to")),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(panic)) => Err(anyhow::Error::new(panic).context("a task panicked")),
    }
}

/// The listener, and until the guard is dropped the answers of a process that starts.
fn listen(config: &Config) -> anyhow::Result<(TcpListener, SocketAddr, DropGuard)> {
    let address = SocketAddr::new(config.server.host, config.server.port);
    let listener = bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot read the listener's address")?;
    let twin = listener.try_clone().and_then(TcpListener::from_std).context("cannot share the listener")?;
    let start = starting::answer(twin);
    tracing::info!(%address, "starting");
    Ok((TcpListener::from_std(listener).context("cannot use the listener")?, address, start))
}

fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    // The standard library's sets SO_REUSEADDR on Unix, so that a restart finds its port free.
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
