//! The task that delivers messages: one after the other, each part until Telegram has decided about it.
//!
//! A message may come twice: when Telegram has taken it, and its answer was lost. It is never given up for that.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Queued;
use super::api::{BotApi, CallError, Part};
use crate::config::ChatId;
use crate::events::telegram::{MessageDelivered, MessageNotDelivered};
use crate::labels::MessageOutcome;

/// A message that has waited for longer is given up: by then, what it says is history.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3_600);

/// The pauses between two tries, which double; with jitter, up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// Delivers the messages that were given to [`super::Telegram`].
pub struct Delivery {
    api: BotApi,
    chat: ChatId,
    queue: mpsc::Receiver<Queued>,
    /// [`GIVE_UP_AFTER`], but for tests.
    pub(super) give_up_after: Duration,
    /// Before this time nothing is sent, as Telegram asked.
    not_before: Option<Instant>,
    /// Whether the last call found Telegram away, which is logged once.
    is_away: bool,
}

impl Delivery {
    pub(super) fn new(api: BotApi, chat: ChatId, queue: mpsc::Receiver<Queued>) -> Self {
        Self { api, chat, queue, give_up_after: GIVE_UP_AFTER, not_before: None, is_away: false }
    }

    /// Delivers until `stopping`, and then what waits by then. At `deadline` the rest goes to the log.
    pub async fn run(mut self, stopping: CancellationToken, deadline: CancellationToken) -> anyhow::Result<()> {
        let mut is_open = true;
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled(), if is_open => {
                    self.queue.close();
                    is_open = false;
                }
                queued = self.queue.recv() => match queued {
                    Some(queued) => self.deliver(queued, &deadline).await,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn deliver(&mut self, queued: Queued, deadline: &CancellationToken) {
        let parts = queued.message.parts();
        let sent = async {
            if parts.is_empty() {
                return Err("nothing of it is seen".to_owned());
            }
            for part in &parts {
                self.send_part(part, queued.queued_at).await?;
            }
            Ok(())
        };
        let sent = deadline.run_until_cancelled(sent).await.unwrap_or_else(|| Err("the server stops".to_owned()));
        match sent {
            Ok(()) => MessageDelivered { parts: parts.len() }.emit(),
            Err(reason) => {
                let (outcome, text) = (MessageOutcome::Failed, queued.message.text());
                MessageNotDelivered { outcome, reason: &reason, text }.emit();
            }
        }
    }

    /// Sends a part until Telegram has taken or refused it, or its message is given up. Returns why it was not taken.
    async fn send_part(&mut self, part: &Part, queued_at: Instant) -> Result<(), String> {
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(MAX_PAUSE);
        let mut pauses = pauses.with_jitter().without_max_times().build();
        let mut error = None;
        loop {
            let now = Instant::now();
            let pause = self.not_before.map_or(Duration::ZERO, |time| time.saturating_duration_since(now));
            if queued_at.elapsed() + pause > self.give_up_after {
                let error = error.unwrap_or(CallError::TooManyRequests(None));
                return Err(format!("given up after {} s: {error}", queued_at.elapsed().as_secs()));
            }
            tokio::time::sleep(pause).await;
            let pause = pauses.next().unwrap_or(MAX_PAUSE);
            let failed = match self.api.send_message(&self.chat, part).await {
                Ok(()) => {
                    self.record_away(None);
                    return Ok(());
                }
                Err(refused @ CallError::Refused { .. }) => return Err(refused.to_string()),
                Err(failed) => failed,
            };
            let asked_for = if let CallError::TooManyRequests(asked_for) = failed { asked_for } else { None };
            self.not_before = Some(Instant::now() + asked_for.unwrap_or(pause));
            self.record_away(Some(&failed));
            error = Some(failed);
        }
    }

    /// Logs when Telegram goes away, or asks to be sent less, and when it takes messages again.
    fn record_away(&mut self, error: Option<&CallError>) {
        match error {
            Some(error) if !self.is_away => tracing::warn!(cause = %error, "telegram takes no messages; they wait"),
            None if self.is_away => tracing::info!("telegram takes messages again"),
            _ => {}
        }
        self.is_away = error.is_some();
    }
}
