//! `GET /api/v1/runs/{id}/events`: a run's progress as server-sent events, from its beginning or from the last event that a
//! client received, to its end.
//!
//! All followers of a run share what is read of it (`poller.rs`). Each has its own place, so that a slow one keeps nobody waiting.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use belfry_telemetry::metric::InProgress;
use futures::Stream;
use tokio::sync::watch;

use super::poller::{MAX_STEPS_READ, start_poller, step_of};
use super::run::parse_id;
use super::store::listing::find_run;
use super::store::progress::steps_after;
use crate::components::run_feeds::{FeedSlot, RunKnown, Step, TooManyFollowers};
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::{follower_in_progress, log_background_failure};
use crate::labels::RequestRefusal;
use crate::state::Shared;

/// Kept steps that are made ready for a client at once.
const MAX_READY: usize = 100;

/// Follows a run.
pub async fn stream_events(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let id = parse_id(&id, "run")?;
    let slot = app.run_feeds.join(&id).map_err(refused)?;
    // The first follower reads the run, the others wait for that.
    slot.feed().poller.get_or_try_init(|| start_poller(&app, &id, slot.feed())).await?;
    // An id that is not a number is not one of ours; the stream is then sent from its beginning.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let known = slot.feed().known.clone();
    let attempt = known.borrow().attempt;
    let keep_alive = KeepAlive::new().interval(app.config.training.followers_keep_alive);
    let in_progress = follower_in_progress();
    let ready = VecDeque::new();
    let follower =
        Follower { app, id, known, attempt, last, ready, done: false, _slot: slot, _in_progress: in_progress };
    Ok(Sse::new(futures::stream::unfold(follower, Follower::next)).keep_alive(keep_alive))
}

fn refused(full: TooManyFollowers) -> Error {
    let detail = match full {
        TooManyFollowers::InTotal(followers) => format!("as many clients as are allowed ({followers}) follow runs"),
        TooManyFollowers::OfThisRun(followers) => {
            format!("as many clients as are allowed ({followers}) follow this run")
        }
    };
    Error::LimitReached { reason: RequestRefusal::MaxFollowers, detail }
}

/// A client's place in a run's progress.
struct Follower {
    app: Shared,
    id: String,
    known: watch::Receiver<RunKnown>,
    /// That of `last`.
    attempt: u64,
    /// The last iteration sent.
    last: i64,
    ready: VecDeque<Event>,
    done: bool,
    _slot: FeedSlot,
    _in_progress: InProgress,
}

/// What a follower does next.
enum Next {
    /// Sends what is ready, or waits when nothing is.
    SendOrWait,
    /// Steps that are not kept here any more are read from the database.
    CatchUp,
    /// The client received more steps than are known here: of an earlier attempt, or from a process that knows more.
    CheckLast,
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
            let done = match self.take_known() {
                Next::SendOrWait => Ok(()),
                Next::CatchUp => self.catch_up().await,
                Next::CheckLast => self.check_last().await,
            };
            if let Err(error) = done {
                // The client reconnects with the last id it received.
                log_background_failure("streaming progress failed", &error);
                return None;
            }
            if self.ready.is_empty() && !self.done && !self.wait_for_change().await {
                return None;
            }
        }
    }

    /// Makes what is known and not sent yet ready.
    fn take_known(&mut self) -> Next {
        let known = self.known.borrow_and_update();
        if known.attempt != self.attempt {
            self.attempt = known.attempt;
            self.last = 0;
        }
        if self.last < known.missing_until() {
            return Next::CatchUp;
        }
        if self.last > known.reached() && known.reached() > 0 {
            return Next::CheckLast;
        }
        for step in known.steps_after(self.last, MAX_READY) {
            self.last = step.iteration;
            self.ready.push_back(progress_event(step));
        }
        if self.ready.is_empty()
            && let Some(end) = &known.end
        {
            self.ready.push_back(Event::default().event("finished").data(&**end));
            self.done = true;
        }
        Next::SendOrWait
    }

    /// Reads earlier steps from the database.
    async fn catch_up(&mut self) -> Result<()> {
        // It is never closed.
        let _turn = self.app.run_feeds.catching_up.acquire().await;
        let read = steps_after(&self.app.database, &self.id, self.last, MAX_STEPS_READ);
        let steps = bounds::with_background_timeout(read).await?;
        for step in &steps {
            self.last = step.iteration;
            self.ready.push_back(progress_event(&step_of(step)?));
        }
        Ok(())
    }

    /// Begins again if the client received steps of an earlier attempt.
    async fn check_last(&mut self) -> Result<()> {
        let _turn = self.app.run_feeds.catching_up.acquire().await;
        let run = bounds::with_background_timeout(find_run(&self.app.database, &self.id)).await?;
        let reached = run.progress.map_or(0, |progress| progress.iteration);
        if reached > 0 && reached < self.last {
            self.last = 0;
            // What is known is to be looked at once more.
            self.known.mark_changed();
        }
        Ok(())
    }

    /// Waits until more is known; false at the end of the process, or of the poller.
    async fn wait_for_change(&mut self) -> bool {
        let stopping = self.app.shutdown.stopping.clone();
        matches!(stopping.run_until_cancelled(self.known.changed()).await, Some(Ok(())))
    }
}

fn progress_event(step: &Step) -> Event {
    Event::default().event("progress").id(step.iteration.to_string()).data(&*step.json)
}
