//! Gets updates by long polling, from the one behind the last on. While Telegram cannot be asked, it is asked ever more rarely.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use serde_json::Value;

use super::update;
use crate::events::telegram::UpdateProcessed;
use crate::labels::UpdateOutcome;
use crate::telegram::api::{BotApi, CallError};

/// How long Telegram may wait for an update before it answers that there is none. It is the most that it takes.
const WAIT: Duration = Duration::from_secs(50);

/// Updates in one answer. They are small, and the answer is read up to 1 MiB.
const LIMIT: u32 = 20;

/// The pauses after a failure, which double; with jitter, up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How long the last call may take, in a process that stops.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks for updates.
pub(super) struct Poller {
    api: BotApi,
    /// The first update that is wanted, and the last one that Telegram was told.
    offset: i64,
    confirmed: i64,
    limit: u32,
    pauses: ExponentialBackoff,
    /// What went wrong last, since when nothing went right; it is logged once.
    trouble: Option<Trouble>,
    /// Another client of this bot was logged.
    has_logged_conflict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Conflict,
    Refused,
    Away,
}

impl Poller {
    pub fn new(api: BotApi) -> Self {
        let (trouble, has_logged_conflict) = (None, false);
        Self { api, offset: 0, confirmed: 0, limit: LIMIT, pauses: pauses(), trouble, has_logged_conflict }
    }

    /// The bot's name, as soon as Telegram says it.
    pub async fn bot_name(&mut self) -> String {
        loop {
            match self.api.bot_name().await {
                Ok(name) => {
                    self.recover();
                    return name;
                }
                Err(error) => self.pause_after(&error).await,
            }
        }
    }

    /// The next updates, as soon as there are some; what was processed already may be among them.
    pub async fn next_updates(&mut self) -> Vec<Value> {
        loop {
            let (asked_for, asked_at) = (self.offset, Instant::now());
            match self.api.updates(asked_for, self.limit, WAIT).await {
                Ok(updates) => {
                    self.confirmed = asked_for;
                    let brings_on = |update: &Value| update::id(update).is_some_and(|id| !self.has_processed(id));
                    if !updates.is_empty() && !updates.iter().any(brings_on) {
                        // Without a number they would be handed out again at once. Others may stand behind them.
                        self.limit = LIMIT;
                        self.pause_after(&CallError::Unreadable(Vec::new())).await;
                        continue;
                    }
                    self.limit = LIMIT;
                    if updates.is_empty() && asked_at.elapsed() < Duration::from_secs(1) {
                        // A server that does not wait for updates would be asked again and again.
                        self.pause_after(&CallError::Unreadable(Vec::new())).await;
                        continue;
                    }
                    self.recover();
                    if !updates.is_empty() {
                        return updates;
                    }
                }
                // One update may be all that makes it so: the others are asked for one by one.
                Err(CallError::Unreadable(_)) if self.limit > 1 => self.limit = 1,
                Err(CallError::Unreadable(answer)) => match update::first_id(&answer) {
                    Some(id) if !self.has_processed(id) => {
                        UpdateProcessed { outcome: UpdateOutcome::Malformed }.emit();
                        self.record_processed(id);
                    }
                    _ => self.pause_after(&CallError::Unreadable(answer)).await,
                },
                Err(error) => self.pause_after(&error).await,
            }
        }
    }

    /// Whether an update is one that was processed.
    pub fn has_processed(&self, id: i64) -> bool {
        id < self.offset
    }

    /// From now on, updates behind this one are asked for.
    pub fn record_processed(&mut self, id: i64) {
        self.offset = self.offset.max(id.saturating_add(1));
    }

    /// Tells Telegram what was processed. If it does not hear it, it hands that out again.
    pub async fn confirm(&self) {
        if self.offset > self.confirmed {
            let _ = tokio::time::timeout(CONFIRM_TIMEOUT, self.api.updates(self.offset, 1, Duration::ZERO)).await;
        }
    }

    fn recover(&mut self) {
        self.pauses = pauses();
        if matches!(self.trouble.take(), Some(Trouble::Refused | Trouble::Away)) {
            tracing::info!("telegram answers the bot again");
        }
    }

    async fn pause_after(&mut self, error: &CallError) {
        let pause = self.pauses.next().unwrap_or(MAX_PAUSE);
        let (trouble, pause) = match error {
            CallError::TooManyRequests(asked_for) => (Trouble::Away, asked_for.unwrap_or(pause)),
            CallError::Refused { status: 409, .. } => (Trouble::Conflict, pause),
            CallError::Refused { .. } => (Trouble::Refused, pause),
            CallError::Unavailable(_) | CallError::Unreadable(_) => (Trouble::Away, pause),
        };
        match trouble {
            Trouble::Conflict if !self.has_logged_conflict => {
                self.has_logged_conflict = true;
                tracing::warn!(cause = %error, "another client asks for this telegram bot's updates: TELEGRAM__BOT must be true on one server only");
            }
            Trouble::Refused if self.trouble != Some(trouble) => {
                tracing::error!(cause = %error, "telegram refuses the bot: look at TELEGRAM__TOKEN");
            }
            Trouble::Away if self.trouble != Some(trouble) => {
                tracing::warn!(cause = %error, "telegram does not answer the bot");
            }
            _ => {}
        }
        self.trouble = Some(trouble);
        tokio::time::sleep(pause).await;
    }
}

fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(MAX_PAUSE);
    pauses.with_jitter().without_max_times().build()
}
