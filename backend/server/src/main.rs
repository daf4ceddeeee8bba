//! Wiring: the subcommands and what each starts.

mod ai;
mod alerts;
mod backup;
mod billing;
mod buffered_body;
mod catalogue;
mod check;
mod client_call;
mod components;
mod conditional;
mod config;
mod cross_site;
mod dashboards;
mod data_lock;
mod database;
mod database_gauges;
mod datasets;
mod demo;
mod drill;
mod error;
mod events;
mod file_response;
mod health;
mod healthcheck;
mod jobs;
mod labels;
mod leases;
mod listener;
mod private_files;
mod request;
mod resources;
mod retry;
mod router;
mod routes;
mod scheduler;
mod serve;
mod shutdown;
mod slo;
mod startup_gate;
mod state;
mod storage;
mod telegram;
mod telegram_bot;
mod timestamp;
mod training;
mod users;
mod viewer;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The Belfry backend.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, train queued runs and run scheduled jobs (the default).
    Serve,
    /// Train one run; started by the server for each run.
    #[command(hide = true)]
    Worker {
        /// The run's specification, a JSON file.
        spec: PathBuf,
    },
    /// Validate the settings, one line for each fault; exit 2 if there is one.
    Check {
        /// Print this of valid settings, and nothing else.
        #[arg(long)]
        print: Option<check::Print>,
    },
    /// Check whether the server on this machine is ready; exit 0 if it is.
    Healthcheck,
    /// Print every setting with its description and default.
    Config,
    /// Print every metric: the text of docs/metrics.md, or JSON.
    Metrics {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print every route of the API with what it asks for, as JSON.
    Routes,
    /// Copy the database and all files to a folder; the server may run meanwhile.
    Backup {
        /// A folder that is new or empty.
        folder: PathBuf,
    },
    /// Restore a backup into the configured database and store; no server may use them.
    Restore {
        /// The folder of the backup.
        folder: PathBuf,
        /// Replace what is there.
        #[arg(long)]
        force: bool,
    },
    /// Take dashboards back from Grafana, or print what each panel tells.
    Dashboards {
        #[command(subcommand)]
        command: dashboards::DashboardsCommand,
    },
    /// Write Prometheus's rules for the service level objectives, or check that they are current.
    Slo {
        #[command(subcommand)]
        command: slo::SloCommand,
    },
    /// Prices of the AI provider's models: convert a price list, or show what a model costs.
    Ai {
        #[command(subcommand)]
        command: ai::prices::AiCommand,
    },
    /// Send realistic traffic to a running server.
    Demo(demo::DemoArguments),
    /// Drive alerts from fault to delivery on scratch copies of the monitoring; without names, list them.
    Drill(drill::DrillArguments),
    /// Become a program that ends with the process that started it.
    #[command(hide = true)]
    RunWithParent(drill::RunWithParent),
}

/// How long threads may go on when the runtime ends.
const RUNTIME_GRACE: std::time::Duration = std::time::Duration::from_millis(500);

/// How long a thread for blocking work waits for more: longer than from one health check to the next, which need one.
const THREAD_KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(30);

fn main() -> ExitCode {
    // Before there are threads, and for the training child and PostgreSQL's programs too.
    private_files::set_umask();
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    // A training child must not pay for a server's runtime.
    if let Command::Worker { spec } = &command {
        return belfry_learning::worker::main(spec);
    }
    if let Command::RunWithParent(wanted) = &command {
        let Err(error) = drill::run_with_parent(wanted);
        eprintln!("belfry: {error:#}");
        return ExitCode::FAILURE;
    }
    if let Command::Check { print } = command {
        return check::run(print);
    }
    let ended = match command {
        Command::Config => {
            print!("{}", belfry_telemetry::settings::example::<config::Config>());
            Ok(())
        }
        Command::Metrics { json } => {
            let catalogues = [belfry_telemetry::catalogue::ROWS, catalogue::ROWS];
            if json {
                println!("{}", belfry_telemetry::reference::json(&catalogues));
            } else {
                print!("{}", belfry_telemetry::reference::markdown(&catalogues));
            }
            Ok(())
        }
        Command::Routes => {
            println!("{}", router::as_json());
            Ok(())
        }
        Command::Dashboards { command } => dashboards::run(command),
        Command::Slo { command } => slo::run(command),
        Command::Ai { command } => ai::prices::run(command),
        Command::Demo(arguments) => with_runtime(demo::run(arguments)),
        Command::Drill(arguments) => with_runtime(drill::run(arguments)),
        Command::Healthcheck => with_settings(|config| with_runtime(healthcheck::run(config))),
        Command::Backup { folder } => {
            with_settings(|config| with_runtime(until_signal(backup::back_up(config, folder))))
        }
        Command::Restore { folder, force } => {
            with_settings(|config| with_runtime(until_signal(backup::restore(config, folder, force))))
        }
        Command::Serve | Command::Worker { .. } | Command::Check { .. } | Command::RunWithParent(_) => {
            with_settings(|config| {
                let threads = resources::blocking_threads(&config);
                with_runtime_of(threads, serve::serve(config))
            })
        }
    };
    ended.map_or_else(
        |error| {
            eprintln!("belfry: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn with_settings(run: impl FnOnce(config::Config) -> anyhow::Result<()>) -> anyhow::Result<()> {
    run(config::Config::from_env()?)
}

fn with_runtime(future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    with_runtime_of(config::LEAST_BLOCKING_THREADS, future)
}

/// Runs `future` on a runtime with at most this many threads for blocking work.
fn with_runtime_of(blocking_threads: usize, future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(blocking_threads)
        // Where no thread is left to be started, work waits for one that there is, and panics if there is none.
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()?;
    let ended = runtime.block_on(future);
    // A thread that hangs in a system call must not keep the process from exiting.
    runtime.shutdown_timeout(RUNTIME_GRACE);
    ended
}

/// Drops the work when a signal stops the process, so that it can clear away what it has begun.
async fn until_signal(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        ended = work => ended,
        () = belfry_telemetry::shutdown_signal() => anyhow::bail!("interrupted"),
    }
}
