//! Events of messages for Telegram, and of the updates that its bot gets.

use crate::catalogue::{TELEGRAM_MESSAGES_TOTAL, TELEGRAM_UPDATES_TOTAL};
use crate::labels::{MessageOutcome, UpdateOutcome};

/// Telegram has taken every part of a message.
pub struct MessageDelivered {
    /// How many parts it was split into.
    pub parts: usize,
}

impl MessageDelivered {
    /// Counts the message.
    pub fn emit(self) {
        TELEGRAM_MESSAGES_TOTAL.with(MessageOutcome::Delivered).increment(1);
        tracing::debug!(parts = self.parts, "telegram message delivered");
    }
}

/// A message did not reach Telegram, or not as a whole. The log is where it can still be read.
pub struct MessageNotDelivered<'m> {
    /// `failed` or `dropped`.
    pub outcome: MessageOutcome,
    /// Why.
    pub reason: &'m str,
    /// The message, as it was to be sent.
    pub text: &'m str,
}

impl MessageNotDelivered<'_> {
    /// Counts and logs it.
    pub fn emit(self) {
        let Self { outcome, reason, text } = self;
        TELEGRAM_MESSAGES_TOTAL.with(outcome).increment(1);
        tracing::error!(outcome = <&str>::from(outcome), reason, text, "telegram message not delivered");
    }
}

/// An update was processed. Chats of others cause them at will, so its line is of level `debug`.
pub struct UpdateProcessed {
    /// What became of it.
    pub outcome: UpdateOutcome,
}

impl UpdateProcessed {
    /// Counts it.
    pub fn emit(self) {
        TELEGRAM_UPDATES_TOTAL.with(self.outcome).increment(1);
        tracing::debug!(outcome = <&str>::from(self.outcome), "telegram update processed");
    }
}
