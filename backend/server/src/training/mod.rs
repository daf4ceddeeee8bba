//! Training runs: submitted, queued, claimed and trained in a process of their own; their models downloaded, used for
//! predictions, and explained.
//!
//! The path of a run. Each step only calls steps below it, and no file imports one from a line above its own:
//!
//! ```text
//! mod              the handlers for router.rs, the workers and the reaper
//! submit api stream download predict explain   the requests; a run is submitted
//! worker           claims the oldest queued run          reaper   takes back runs of lost workers
//! poller           reads a followed run for the stream   claim_renewal   renews the claim meanwhile
//! attempt          trains it once
//! child progress   the training process, its steps       record_end      the end of a run, or back to the queue
//! queue_depth totals   the gauges of the queue and of all runs
//! store            the SQL of the life of a run: queue, claims, progress, listing, reaper
//! run run_end stop_request refusal        what the above pass to each other
//! components/      heartbeats, instance, model cache, notifications, feeds: parts of the shared state, which do not depend on it
//! ```

mod api;
mod attempt;
mod child;
mod claim_renewal;
mod download;
mod explain;
mod poller;
mod predict;
mod progress;
pub mod queue_depth;
mod reaper;
mod record_end;
mod refusal;
mod run;
mod run_end;
mod stop_request;
mod store;
mod stream;
mod submit;
pub mod totals;
mod worker;

use std::sync::Arc;

use anyhow::Context;
use tokio::task::JoinSet;

use crate::components::instance::{DeadInstance, Instance};
pub use api::{cancel, list, show};
pub use download::download as download_model;
pub use explain::explain;
pub use predict::predict;
pub use run::RunFilter;
pub use store::listing::list_runs;
pub use store::queue::queue_depth as unfinished_runs;
pub use stream::stream_events;
pub use submit::submit;

use crate::config::Config;
use crate::state::Shared;

/// Makes this process's folder and lock, and finds what dead processes of the data folder left behind.
///
/// # Errors
/// A folder that cannot be made, read or locked.
pub async fn open_instance(config: &Config) -> anyhow::Result<(Arc<Instance>, Vec<DeadInstance>)> {
    let folder = config.data.dir.join("work");
    let opened = tokio::task::spawn_blocking(move || Instance::open(&folder)).await.context("a task panicked")?;
    let (instance, dead) = opened.context("cannot make the folder for training")?;
    Ok((Arc::new(instance), dead))
}

/// Trains queued runs until the process stops: `TRAINING__WORKERS` workers and the reaper, which begins with the runs of
/// `dead` processes.
pub async fn run_workers(app: Shared, dead: Vec<DeadInstance>) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for number in 0..app.config.training.workers as usize {
        tasks.spawn(worker::run_worker(app.clone(), number));
    }
    tasks.spawn(reaper::reap_regularly(app.clone(), dead));
    while let Some(ended) = tasks.join_next().await {
        ended.context("a training task panicked")?;
        anyhow::ensure!(app.shutdown.stopping.is_cancelled(), "a training task ended before the shutdown");
    }
    Ok(())
}
