//! `belfry serve`: opens what the service depends on, runs its tasks, and shuts down in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use belfry_telemetry::{Identity, Signals, Telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::ai::Ai;
use crate::ai::ledger::Ledger;
use crate::ai::prices;
use crate::buffered_body::{BodyBudget, UNVERIFIED_PART};
use crate::client_call::ServiceClient;
use crate::components::access::AccessControl;
use crate::components::access::key_text::masked;
use crate::components::alerts::{Alerts, Announcer, SendMessage};
use crate::components::heartbeats::WorkerHeartbeats;
use crate::components::instance::{DeadInstance, Instance};
use crate::components::model_cache::ModelCache;
use crate::components::notifications::RunNotifications;
use crate::components::run_feeds::{FollowerLimits, RunFeeds};
use crate::components::upload_slots::UploadSlots;
use crate::config::{Config, SERVICE};
use crate::cross_site::SitePolicy;
use crate::database::Database;
use crate::leases::LeaseClock;
use crate::listener::Listener;
use crate::resources::{Resources, blocking_threads};
use crate::router::router;
use crate::scheduler::{self, Scheduler};
use crate::shutdown::{Shutdown, ShutdownTimes};
use crate::startup_gate::StartupGate;
use crate::state::App;
use crate::storage::Storage;
use crate::telegram::{Message, Telegram};
use crate::viewer::Viewer;
use crate::{catalogue, data_lock, database_gauges, health, jobs, private_files, telegram_bot, training, users};

/// The exit code after a second signal.
const CUT_OFF: i32 = 130;

/// Serves until SIGTERM or SIGINT, or until one of its tasks fails. A second signal exits at once.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let identity = Identity {
        service: SERVICE,
        version: env!("CARGO_PKG_VERSION"),
        environment: config.app.environment.clone(),
        instance: config.instance(),
    };
    let mut signals = Signals::listen()?;
    let telemetry = Telemetry::start(&identity, &config.telemetry, catalogue::ROWS)?.mask_paths(masked);
    let flush_time = ShutdownTimes::new(&config.server).flush;
    let result = run(config, &telemetry, &mut signals).await;
    if let Err(error) = &result {
        tracing::error!(cause = format!("{error:#}"), "server stopped on an error");
    }
    let delivered = tokio::select! {
        delivered = telemetry.shut_down(flush_time) => delivered,
        () = signals.next() => std::process::exit(CUT_OFF),
    };
    if !delivered {
        eprintln!("some log events or spans were not delivered before the end");
    }
    result
}

async fn run(config: Config, telemetry: &Telemetry, signals: &mut Signals) -> anyhow::Result<()> {
    let address = SocketAddr::new(config.server.host, config.server.port);
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot read the listener's address")?;
    let (gate, shutdown) = (StartupGate::default(), Shutdown::new(&config.server));
    let limits = &config.server.limits;
    let sites = Arc::new(SitePolicy::new(limits));
    let server = Listener::new(gate.clone(), limits, sites.clone(), shutdown.stopping.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        server.run(listener).await;
        Ok(())
    });
    tracing::info!(%address, "starting");
    let (allowed, threads) = (config.server.blocking_threads, blocking_threads(&config));
    if threads < allowed {
        tracing::warn!(threads, allowed, "fewer threads for blocking work than allowed, because of the process limit");
    }
    if let Some(connections) = config.connections_below_followers() {
        let followers = config.training.max_followers;
        tracing::warn!(
            followers,
            connections,
            "clients that follow runs may take all connections, so that behind a proxy nobody else is served: lower \
             TRAINING__MAX_FOLLOWERS, or raise SERVER__MAX_CONNECTIONS_PER_ADDRESS and SERVER__MAX_CONNECTIONS"
        );
    }

    let opening = async {
        // Before the database is opened, which a restore may be about to replace.
        data_lock::lock_shared(&config.data.dir).await?;
        private_files::restrict_existing(&config.data.dir).await;
        Database::open(&config).await
    };
    let database = tokio::select! {
        opened = opening => opened?,
        () = signals.next() => return Ok(()),
    };
    let (instance, dead) = training::open_instance(&config).await?;
    let client = ServiceClient::new()?;
    let (telegram, delivery) = Telegram::new(&config.telegram, client.clone());
    let clients = Clients { services: client.clone(), telegram };
    let app = assemble(config, database, telemetry, shutdown, instance, clients)?;
    tokio::select! {
        prepared = users::prepare(&app, address) => prepared?,
        () = signals.next() => return Ok(()),
    }
    let viewer = app.config.viewer.enabled.then(|| Viewer::new(&app.config, app.body_budget.clone())).transpose()?;
    gate.open(router(app.clone(), viewer, sites, telemetry));
    tasks.spawn(app.scheduler.clone().run_due_jobs(dead.iter().map(DeadInstance::for_another_part).collect()));
    tasks.spawn(training::run_workers(app.clone(), dead));
    tasks.spawn(health::watch(app.clone()));
    tasks.spawn(database_gauges::watch(app.clone()));
    tasks.spawn(app.ai.clone().run_until_stopped());
    let (alerts, stopping) = (app.alerts.clone(), app.shutdown.stopping.clone());
    tasks.spawn(async move {
        alerts.record_request_faults(stopping).await;
        Ok(())
    });
    if let Some(delivery) = delivery {
        // What it cannot deliver while other work ends is in the log before that is cut off.
        tasks.spawn(delivery.run(app.shutdown.stopping.clone(), app.shutdown.hand_back.clone()));
        if app.config.telegram.bot {
            tasks.spawn(telegram_bot::run(app.clone(), client));
        }
    }
    tracing::info!(%address, "listening");

    // The first task to end stops the others: a partly running service would hide the failure.
    let first = tokio::select! {
        () = signals.next() => Ok(()),
        ended = tasks.join_next() => ended_early(ended),
    };
    tokio::select! {
        result = shut_down(&app, tasks, first) => result,
        () = signals.next() => std::process::exit(CUT_OFF),
    }
}

/// How other services are called.
struct Clients {
    services: ServiceClient,
    telegram: Telegram,
}

fn assemble(
    config: Config,
    database: Database,
    telemetry: &Telemetry,
    shutdown: Shutdown,
    instance: Arc<Instance>,
    clients: Clients,
) -> anyhow::Result<Arc<App>> {
    let config = Arc::new(config);
    let storage = Storage::open(&config)?;
    let pool = database.clone();
    telemetry.before_scrape(move || pool.emit_pool());
    telemetry.watch_disk("data", &config.data.dir);
    let resources = Arc::new(Resources::new(&config, health::DEADLINE));
    let worker_heartbeats = Arc::new(WorkerHeartbeats::new(config.training.workers));
    let lease_clock = Arc::new(LeaseClock::default());
    let folder_id = scheduler::folder_id(&config.data.dir).context("cannot give the data folder an id")?;
    let announcer = Announcer::new(&config.alerts, alert_messages(&config, &clients.telegram));
    let alerts = Alerts::new(database.clone(), &config.alerts, announcer, &folder_id);
    let ai_ledger = Ledger::new(database.clone(), &config, prices::load(&config.ai)?);
    let components = jobs::Components {
        config: config.clone(),
        ai_ledger: ai_ledger.clone(),
        alerts: alerts.clone(),
        database: database.clone(),
        storage: storage.clone(),
        resources: resources.clone(),
        lease_clock: lease_clock.clone(),
        stopping: shutdown.stopping.clone(),
    };
    let options = scheduler::Options {
        database: database.clone(),
        alerts: alerts.clone(),
        instance: instance.id.clone(),
        lease_clock: lease_clock.clone(),
        stopping: shutdown.stopping.clone(),
        cut_off: shutdown.cut_off.clone(),
    };
    let scheduler = Arc::new(Scheduler::new(options, jobs::all(&components), &config.jobs, &folder_id));
    let dependencies = health::Dependencies {
        config: &config,
        database: &database,
        storage: &storage,
        scheduler: &scheduler,
        resources: &resources,
        worker_heartbeats: &worker_heartbeats,
        client: &clients.services,
        started: telemetry.started(),
    };
    let limits = &config.server.limits;
    let ai = Ai::new(&config.ai, clients.services.clone(), database.clone(), ai_ledger.clone(), &shutdown);
    let body_budget = |bytes| BodyBudget::new(bytes, limits.body_timeout, limits.min_body_rate);
    Ok(Arc::new(App {
        ai,
        checks: health::checks(&dependencies),
        ai_ledger,
        alerts,
        telegram: clients.telegram,
        resources,
        instance,
        worker_heartbeats,
        scheduler,
        lease_clock,
        started: Instant::now(),
        upload_slots: UploadSlots::new(config.upload.max_concurrent, limits.min_body_rate),
        body_budget: body_budget(limits.max_buffered_bytes),
        unverified_bodies: body_budget(limits.max_buffered_bytes / UNVERIFIED_PART),
        run_notifications: RunNotifications::default(),
        run_feeds: Arc::new(RunFeeds::new(FollowerLimits {
            total: config.training.max_followers,
            of_one_run: config.training.max_followers_per_run,
        })),
        model_cache: ModelCache::new(config.training.model_cache),
        shutdown,
        access: AccessControl::new(&config.auth, &database),
        config,
        database,
        storage,
    }))
}

/// Where messages about this service's own alerts go, if anywhere.
fn alert_messages(config: &Config, telegram: &Telegram) -> Option<SendMessage> {
    let telegram = config.telegram.enabled.then(|| telegram.clone())?;
    Some(Box::new(move |text| telegram.send(Message::Plain(text))))
}

/// Lets the tasks end, phase by phase, and the file store remove what was left unfinished.
async fn shut_down(app: &App, mut tasks: JoinSet<anyhow::Result<()>>, first: anyhow::Result<()>) -> anyhow::Result<()> {
    let by_signal = first.is_ok();
    let rest = async {
        let mut result = first;
        while let Some(ended) = tasks.join_next().await {
            result = result.and(ended.context("a task panicked").and_then(|ended| ended));
        }
        result
    };
    let result = app.shutdown.run(by_signal, rest).await.unwrap_or(Ok(()));
    // A store that hangs must not keep the process from exiting.
    let _ = tokio::time::timeout(app.shutdown.times.cut_off, app.storage.finish_pending_removals()).await;
    result
}

fn ended_early(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match ended {
        Some(Ok(Ok(()))) | None => Err(anyhow::anyhow!("a background task exited unexpectedly")),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(panic)) => Err(anyhow::Error::new(panic).context("a task panicked")),
    }
}
