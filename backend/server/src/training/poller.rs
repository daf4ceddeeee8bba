//! Reads the progress of a followed run from the database, once for all its followers, until it has ended or nobody follows it
//! any more.
//!
//! Everything is read from the database, so that a run of another process is followed just as well.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::run::{Progress, Run};
use super::store::listing::find_run;
use super::store::progress::steps_after;
use crate::components::run_feeds::{Feed, MAX_STEPS_KEPT, RunKnown, Step};
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::{log_background_failure, run_followed};
use crate::state::{App, Shared};

/// How often the database is read for the progress of runs in other processes.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How long to wait when the database is away.
const ERROR_PAUSE: Duration = Duration::from_secs(2);

/// Steps read with one statement.
pub const MAX_STEPS_READ: i64 = 500;

/// Fills the feed of a run for the first time, and starts the task that does so from then on.
///
/// # Errors
/// [`Error::NotFound`], and those of the database.
pub async fn start_poller(app: &Shared, run_id: &str, feed: &Feed) -> Result<AbortOnDropHandle<()>> {
    let run = find_run(&app.database, run_id).await?;
    let reached = reached(&run);
    let missing_until = (reached - MAX_STEPS_KEPT as i64).max(0);
    let steps = read_steps(app, run_id, missing_until, reached).await?;
    let end = run.status.has_ended().then(|| json(&run)).transpose()?;
    let sender = feed.take_sender().ok_or_else(|| Error::Internal(anyhow::anyhow!("a feed has two pollers")))?;
    sender.send_modify(|known| {
        known.start_at(missing_until);
        known.add(steps);
        known.end = end;
    });
    let poller = Poller { app: app.clone(), run_id: run_id.to_owned(), started_at: run.started_at, known: sender };
    Ok(AbortOnDropHandle::new(tokio::spawn(poller.run())))
}

struct Poller {
    app: Shared,
    run_id: String,
    /// When the attempt started; the next attempt counts its steps from 1 again.
    started_at: Option<String>,
    known: watch::Sender<RunKnown>,
}

impl Poller {
    async fn run(mut self) {
        let _followed = run_followed();
        let mut changes = self.app.run_notifications.subscribe();
        let stopping = self.app.shutdown.stopping.clone();
        while self.known.borrow().end.is_none() {
            let read = bounds::with_background_timeout(self.read_changes()).await;
            let waiting = async {
                match read {
                    Ok(()) => tokio::select! {
                        () = changes.wait_for_change(&self.run_id) => {}
                        () = tokio::time::sleep(POLL_INTERVAL) => {}
                    },
                    // The run is gone, and with the poller the streams of its followers end.
                    Err(Error::NotFound(_)) => return false,
                    Err(error) => {
                        log_background_failure("reading the progress of a followed run failed", &error);
                        tokio::time::sleep(ERROR_PAUSE).await;
                    }
                }
                true
            };
            if stopping.run_until_cancelled(waiting).await != Some(true) {
                return;
            }
        }
    }

    /// Reads what is new from the database.
    async fn read_changes(&mut self) -> Result<()> {
        // The run before its steps: once it has ended, all its steps are stored.
        let run = find_run(&self.app.database, &self.run_id).await?;
        let reached = reached(&run);
        let known = self.known.borrow().reached();
        let another_attempt = run.started_at.is_some() && run.started_at != self.started_at;
        let begun_again = another_attempt || (reached > 0 && reached < known);
        let after = if begun_again { 0 } else { known };
        let missing_until = (reached - MAX_STEPS_KEPT as i64).max(after);
        let steps = read_steps(&self.app, &self.run_id, missing_until, reached).await?;
        let end = run.status.has_ended().then(|| json(&run)).transpose()?;
        if run.started_at.is_some() {
            self.started_at = run.started_at;
        }
        if begun_again || !steps.is_empty() || end.is_some() {
            self.known.send_modify(|known| {
                if begun_again {
                    known.begin_attempt(missing_until);
                } else if missing_until > after {
                    known.start_at(missing_until);
                }
                known.add(steps);
                known.end = end;
            });
        }
        Ok(())
    }
}

fn reached(run: &Run) -> i64 {
    run.progress.as_ref().map_or(0, |progress| progress.iteration)
}

/// The steps of a run after one iteration, up to another and what was added meanwhile.
async fn read_steps(app: &App, run_id: &str, mut after: i64, reached: i64) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    while after < reached {
        let read = steps_after(&app.database, run_id, after, MAX_STEPS_READ).await?;
        // They are gone: the run was begun again since its row was read.
        let Some(last) = read.last() else { break };
        after = last.iteration;
        for step in &read {
            steps.push(step_of(step)?);
        }
    }
    Ok(steps)
}

/// A step as its followers get it.
pub fn step_of(step: &Progress) -> Result<Step> {
    Ok(Step { iteration: step.iteration, json: json(step)? })
}

fn json(value: &impl Serialize) -> Result<Arc<str>> {
    let text = serde_json::to_string(value).map_err(|error| Error::Internal(error.into()))?;
    Ok(text.into())
}
