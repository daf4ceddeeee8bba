//! `GET /api/v1/runs/{id}/events`: a run's progress as server-sent events, from its beginning or from where a client
//! left off, to its end.
//!
//! Everything is read from the database, so that a run of another process is followed just as well.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;

use super::run::{self, Progress, Run};
use super::wakers::Changes;
use crate::database::{Database, bounds};
use crate::error::{Error, Result};
use crate::events::training::WorkFailed;
use crate::state::Shared;

/// How often the database is asked about runs of other processes.
const POLL: Duration = Duration::from_millis(500);

/// Steps read at once.
const BATCH: i64 = 500;

/// Follows a run.
pub async fn events(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let changes = app.wakers.changes();
    let run = run::find(&app.database, &id).await?;
    // Something else than a number is of another stream; this one is then sent from its beginning.
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
    /// Tells one attempt from the next, which counts from 1 again.
    started_at: Option<String>,
    changes: Changes,
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
            if let Err(error) = bounds::for_work(self.read()).await {
                // The client comes back with the last id it has seen.
                WorkFailed { what: "a stream of progress broke off", cause: &error }.emit();
                return None;
            }
            if self.ready.is_empty() {
                let stopping = self.app.shutdown.stopping.clone();
                tokio::select! {
                    () = stopping.cancelled() => return None,
                    () = self.changes.of(&self.id) => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
    }

    /// Reads what is new.
    async fn read(&mut self) -> Result<()> {
        // The run first: a run that has ended has all its steps in place.
        let run = run::find(&self.app.database, &self.id).await?;
        let reached = run.progress.as_ref().map_or(0, |progress| progress.iteration);
        let another_attempt = run.started_at.is_some() && run.started_at != self.started_at;
        // A client that saw more than there is saw an earlier attempt.
        if another_attempt || (reached > 0 && reached < self.last) {
            self.last = 0;
        }
        if run.started_at.is_some() {
            self.started_at.clone_from(&run.started_at);
        }
        if reached > self.last {
            let steps = steps_after(&self.app.database, &self.id, self.last).await?;
            self.last = steps.last().map_or(reached, |step| step.iteration);
            self.ready = steps.iter().map(progress).collect::<Result<_>>()?;
        }
        if run.status.has_ended() && self.last >= reached {
            self.ready.push_back(finished(&run)?);
            self.done = true;
        }
        Ok(())
    }
}

fn finished(run: &Run) -> Result<Event> {
    Event::default().event("finished").json_data(run).map_err(|error| Error::Internal(error.into()))
}

fn progress(step: &Progress) -> Result<Event> {
    let event = Event::default().event("progress").id(step.iteration.to_string());
    event.json_data(step).map_err(|error| Error::Internal(error.into()))
}

async fn steps_after(database: &Database, id: &str, last: i64) -> Result<Vec<Progress>> {
    let sql = "SELECT iteration, total, train_loss, valid_loss FROM run_progress \
               WHERE run_id = $1 AND iteration > $2 ORDER BY iteration LIMIT $3";
    let rows = sqlx::query(sql).bind(id).bind(last).bind(BATCH).fetch_all(&database.pool).await?;
    rows.iter().map(Progress::from_row).collect()
}
