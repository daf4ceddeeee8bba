//! `belfry drill`: every alert driven from its fault to its delivery and resolution, through a real Prometheus and a real
//! Alertmanager.
//!
//! `plan.rs` decides how an alert is driven, `faults/` injects real faults, `replay.rs` replays the series of an alert's test. Each
//! drill has a stack of its own (`stack.rs`), whose rules are the shipped ones with shorter times (`shorten.rs`).

mod faults;
mod notation;
mod plan;
mod programs;
mod progress;
mod receiver;
mod replay;
mod rule_files;
mod services;
mod shorten;
mod stack;
mod table;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use belfry_telemetry::shutdown_signal;
use clap::Args;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use faults::Scene;
use plan::{Driven, Exercise};
pub use programs::{RunWithParent, run_with_parent};
use progress::Progress;
use replay::Replay;
use rule_files::RuleSet;
use services::Services;
use stack::Place;
use table::Row;
use watch::{await_inactive, watch};

/// What to drill, and how to tell of it.
#[derive(Args)]
pub struct DrillArguments {
    /// The alerts to drive; none: list all of them and start nothing.
    #[arg(value_name = "NAME", conflicts_with = "all")]
    names: Vec<String>,
    /// Drive every alert.
    #[arg(long)]
    all: bool,
    /// Stacks that run side by side.
    #[arg(long, default_value = "8", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// The folder of Prometheus's configuration, with `rules` and `tests`; those of Alertmanager and the blackbox exporter are beside
    /// it.
    #[arg(long, default_value = "infra/monitoring/prometheus", value_name = "DIR")]
    rules: PathBuf,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the table as Markdown.
    #[arg(long)]
    markdown: bool,
}

/// Lists the alerts, or drives those that were asked for. An error when one did not get through all its states.
pub async fn run(arguments: DrillArguments) -> anyhow::Result<()> {
    let rules = RuleSet::read(&arguments.rules)?;
    let chosen = plan::chosen(&rules, &arguments.names)?;
    let is_list = arguments.names.is_empty() && !arguments.all;
    let mut rows: Vec<Row> = chosen.iter().map(|alert| Row::new(&rules, alert)).collect();
    if !is_list {
        // Before anything is started.
        programs::PROMETHEUS.find()?;
        programs::ALERTMANAGER.find()?;
        programs::BLACKBOX_EXPORTER.find()?;
        let exercises = plan::exercises(&rules, &chosen);
        let undriven: Vec<&str> = rows.iter().filter(|row| row.is_undriven()).map(|row| row.alert.as_str()).collect();
        ensure!(!exercises.is_empty(), "no fault and no test drives {}", undriven.join(", "));
        let quiet = arguments.json || arguments.markdown;
        drill(Arc::new(rules), exercises, usize::from(arguments.jobs), &mut rows, quiet).await?;
    }
    match (arguments.json, arguments.markdown) {
        (true, _) => println!("{}", serde_json::to_string_pretty(&rows)?),
        (_, true) => print!("{}", table::markdown(&rows, !is_list)),
        _ => print!("{}", table::text(&rows, !is_list)),
    }
    let failed: Vec<&str> =
        rows.iter().filter(|row| !is_list && !row.succeeded()).map(|row| row.alert.as_str()).collect();
    ensure!(failed.is_empty(), "{} of {} alerts did not get through: {}", failed.len(), rows.len(), failed.join(", "));
    Ok(())
}

/// Runs the exercises, some at a time, until all have ended or a signal stops them.
async fn drill(
    rules: Arc<RuleSet>,
    exercises: Vec<Exercise>,
    jobs: usize,
    rows: &mut [Row],
    quiet: bool,
) -> anyhow::Result<()> {
    let progress = Arc::new(Progress::start(exercises.iter().map(|exercise| exercise.alerts.len()).sum(), quiet));
    let slots = Arc::new(Semaphore::new(jobs));
    let mut tasks = JoinSet::new();
    for exercise in exercises {
        let (rules, slots, progress) = (Arc::clone(&rules), Arc::clone(&slots), Arc::clone(&progress));
        tasks.spawn(async move {
            // The semaphore is never closed.
            let _slot = slots.acquire().await;
            let ended = run_exercise(&rules, &exercise, &progress).await;
            (exercise, ended)
        });
    }
    loop {
        let ended = tokio::select! {
            ended = tasks.join_next() => ended,
            () = shutdown_signal() => {
                // Dropping a stack ends its programs and removes its folder.
                tasks.shutdown().await;
                bail!("interrupted: every program that the drill had started is stopped");
            }
        };
        let Some(ended) = ended else { break };
        let (exercise, ended) = ended?;
        let told = ended.unwrap_or_else(|error| {
            let failed = watch::Timeline { failure: Some(format!("{error:#}")), ..watch::Timeline::default() };
            vec![failed; exercise.alerts.len()]
        });
        for (alert, timeline) in exercise.alerts.iter().zip(told) {
            let row =
                rows.iter_mut().find(|row| row.alert == alert.name).expect("a row for each alert that was chosen");
            row.timeline = Some(timeline);
            progress.ended(row);
        }
    }
    Ok(())
}

/// Drives the alerts of one exercise on a stack of its own.
async fn run_exercise(
    rules: &RuleSet,
    exercise: &Exercise,
    progress: &Progress,
) -> anyhow::Result<Vec<watch::Timeline>> {
    let line = progress.begin(exercise);
    let (watched, limits) = (exercise.watched(rules), exercise.limits(rules));
    let fired = CancellationToken::new();
    let changed = |alert: &str, timeline: &watch::Timeline| line.show(alert, timeline);
    match exercise.driven {
        Driven::Replay(test) => {
            let test = &rules.tests[test];
            let place = Place::new(exercise.factor).await?;
            place.write_rules(&test.rule_files)?;
            place.write_replay_configuration()?;
            place.write_alertmanager_configuration(&alertmanager_file(&rules.folder), &[])?;
            let stack = place.start().await?;
            await_inactive(&stack, &watched).await;
            let replay = async {
                stack.receiver.show(Some(Replay::begin(test.series.clone(), test.interval, exercise.factor)));
                fired.cancelled().await;
                stack.receiver.show(None);
            };
            Ok(tokio::join!(watch(&stack, &watched, &limits, &fired, changed), replay).0)
        }
        Driven::Fault(fault) => {
            let place = Place::new(exercise.factor).await?;
            place.write_rules(&rules.files)?;
            place.write_alertmanager_configuration(
                &alertmanager_file(&rules.folder),
                &fault.webhooks(&place.receiver),
            )?;
            let settings = fault.settings(&place.receiver)?;
            let services = Services::start(&place, &rules.folder, &settings).await?;
            let stack = place.start().await?;
            await_inactive(&stack, &watched).await;
            // Ended before the folder that the stack removes.
            let mut services = services;
            let mut scene = Scene::new(&stack, &mut services, &fired);
            let watched = async { Ok(watch(&stack, &watched, &limits, &fired, changed).await) };
            let injected = async {
                let what = || format!("the fault could not be injected: {}", fault.what);
                fault.inject(&mut scene).await.with_context(what)
            };
            // A fault that fails ends the wait for its alerts.
            let (timelines, ()) = tokio::try_join!(watched, injected)?;
            Ok(timelines)
        }
        Driven::Not => bail!("no fault is known, and no test has it firing"),
    }
}

/// Alertmanager's configuration, beside the folder of Prometheus's.
fn alertmanager_file(folder: &Path) -> PathBuf {
    folder.join("../alertmanager/alertmanager.yml")
}
