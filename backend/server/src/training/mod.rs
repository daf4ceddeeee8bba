//! Training runs: queue, workers, progress, models, predictions.
//!
//! A run is submitted (`submit`), waits in the database (`queue`), is claimed by a worker of any process (`worker`)
//! and trained in a process of its own (`child`), which reports as it goes (`progress`, `stream`), until its end is written
//! (`settle`). A run whose worker died is taken back (`reaper`). Its model is downloaded (`model`) or asked for
//! predictions (`predict`).

mod api;
mod beats;
mod child;
mod lease;
mod model;
mod predict;
mod progress;
mod queue;
mod reaper;
mod run;
mod settle;
mod stream;
mod submit;
mod wakers;
mod worker;
mod workplace;

use std::sync::Arc;

use anyhow::Context;
use tokio::task::JoinSet;

pub use api::{cancel, list, show};
pub use beats::Beats;
pub use model::download as download_model;
pub use predict::{Models, predict};
pub use queue::emit_depth;
pub use stream::events;
pub use submit::submit;
pub use wakers::Wakers;
pub use workplace::{Dead, Workplace, remove_abandoned as remove_workplaces};

use crate::config::Config;
use crate::state::Shared;

/// Makes this process's place of work, and finds what dead processes of the data folder left.
///
/// # Errors
/// A folder that cannot be made, read or locked.
pub async fn open_workplace(config: &Config) -> anyhow::Result<(Arc<Workplace>, Vec<Dead>)> {
    let folder = config.data.dir.join("work");
    let opened = tokio::task::spawn_blocking(move || Workplace::open(&folder)).await.context("a task panicked")?;
    let (workplace, dead) = opened.context("cannot make the folder for training")?;
    Ok((Arc::new(workplace), dead))
}

/// Trains queued runs until the process stops: `TRAINING__WORKERS` workers and the reaper, which begins with the runs of
/// `dead` processes.
pub async fn work(app: Shared, dead: Vec<Dead>) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for number in 0..app.config.training.workers as usize {
        tasks.spawn(worker::work(app.clone(), app.workplace.clone(), number));
    }
    tasks.spawn(reaper::reap_regularly(app.clone(), dead));
    while let Some(ended) = tasks.join_next().await {
        ended.context("a training task panicked")?;
        anyhow::ensure!(app.shutdown.stopping.is_cancelled(), "a training task ended although nobody asked it to");
    }
    Ok(())
}
