//! `GET /api/v1/runs/{id}/events`: a run's progress as server-sent events, from its beginning or from the last event that a
//! client received, to its end.
//!
//! Everything is read from the database, so that a run of another process is followed just as well.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;

use super::run::{Progress, Run};
use super::store::listing::find_run;
use super::store::progress::steps_after;
use crate::components::notifications::RunChanges;
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::log_background_failure;
use crate::state::Shared;

/// How often the database is read for the progress of runs in other processes.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Steps read with one statement.
const MAX_STEPS_READ: i64 = 500;

/// Follows a run.
pub async fn stream_events(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let changes = app.run_notifications.subscribe();
    let run = find_run(&app.database, &id).await?;
    // An id that is not a number is not one of ours; the stream is then sent from its beginning.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let started_at = run.started_at.clone();
    let follower = Follower { app, id: run.id, last, started_at, changes, ready: VecDeque::new(), done: false };
    Ok(Sse::new(futures::stream::unfold(follower, Follower::next)).keep_alive(KeepAlive::default()))
}

/// A client's place in a run's progress.
struct Follower {
    app: Shared,
    id: String,
    /// The last iteration sent.
    last: i64,
    /// When the attempt started; the next attempt counts its steps from 1 again.
    started_at: Option<String>,
    changes: RunChanges,
    ready: VecDeque<Event>,
    done: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(std::result::Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            if self.done {
                return None;
            }
            if let Err(error) = bounds::with_background_timeout(self.read_changes()).await {
                // The client reconnects with the last id it received.
                log_background_failure("streaming progress failed", &error);
                return None;
            }
            if self.ready.is_empty() {
                let stopping = self.app.shutdown.stopping.clone();
                tokio::select! {
                    () = stopping.cancelled() => return None,
                    () = self.changes.wait_for_change(&self.id) => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                }
            }
        }
    }

    /// Reads what is new from the database.
    async fn read_changes(&mut self) -> Result<()> {
        // The run before its steps: once it has ended, all its steps are stored.
        let run = find_run(&self.app.database, &self.id).await?;
        let reached = run.progress.as_ref().map_or(0, |progress| progress.iteration);
        let another_attempt = run.started_at.is_some() && run.started_at != self.started_at;
        // A client that received more steps than there are received those of an earlier attempt.
        if another_attempt || (reached > 0 && reached < self.last) {
            self.last = 0;
        }
        if run.started_at.is_some() {
            self.started_at.clone_from(&run.started_at);
        }
        if reached > self.last {
            let steps = steps_after(&self.app.database, &self.id, self.last, MAX_STEPS_READ).await?;
            self.last = steps.last().map_or(reached, |step| step.iteration);
            self.ready = steps.iter().map(progress_event).collect::<Result<_>>()?;
        }
        if run.status.has_ended() && self.last >= reached {
            self.ready.push_back(finished_event(&run)?);
            self.done = true;
        }
        Ok(())
    }
}

fn finished_event(run: &Run) -> Result<Event> {
    Event::default().event("finished").json_data(run).map_err(|error| Error::Internal(error.into()))
}

fn progress_event(step: &Progress) -> Result<Event> {
    let event = Event::default().event("progress").id(step.iteration.to_string());
    event.json_data(step).map_err(|error| Error::Internal(error.into()))
}
