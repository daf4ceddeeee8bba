//! Messages to a chat by Telegram's Bot API. Whoever has one to send gives it to [`Telegram`], which waits for nothing: a
//! bounded queue keeps it, and one task (`delivery.rs`) sends it, in order, split (`split.rs`) into parts that Telegram takes.
//! `api.rs` makes the calls and knows the token. The bot that answers commands is in `telegram_bot/`.

pub mod api;
mod delivery;
mod markup;
mod split;
#[cfg(test)]
mod tests;

use std::time::Instant;

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::client_call::ServiceClient;
use crate::config::TelegramConfig;
use crate::events::telegram::MessageNotDelivered;
use crate::labels::MessageOutcome;
use api::{BotApi, Part};
pub use delivery::Delivery;
pub use markup::escape;

/// Messages that may wait, while Telegram is away or asks to be sent less; further ones go to the log.
const MAX_WAITING: usize = 500;

/// The longest message; with [`MAX_WAITING`] it bounds the memory for messages. A longer one goes to the log.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text that is shown as it is.
    Plain(String),
    /// The HTML that Telegram takes. Texts from elsewhere must go through [`escape`].
    Html(String),
}

/// A message and the time from which it waits.
struct Queued {
    message: Message,
    queued_at: Instant,
}

/// Where messages are given. Clones send to the same chat.
#[derive(Clone)]
pub struct Telegram(Option<mpsc::Sender<Queued>>);

impl Telegram {
    /// The messages of these settings, and the task that delivers them; without one if TELEGRAM__ENABLED is false.
    pub fn new(config: &TelegramConfig, client: ServiceClient) -> (Self, Option<Delivery>) {
        let Some(chat) = config.chat_id.clone().filter(|_| config.enabled) else { return (Self(None), None) };
        let (sender, queue) = mpsc::channel(MAX_WAITING);
        (Self(Some(sender)), Some(Delivery::new(BotApi::new(config, client), chat, queue)))
    }

    /// Sends a message when its turn comes; does nothing if Telegram is switched off. What cannot be delivered is counted, and
    /// its text goes to the log.
    pub fn send(&self, message: Message) {
        let Some(queue) = &self.0 else { return };
        if message.text().len() > MAX_MESSAGE_BYTES {
            return message.drop_because("it is longer than 64 KiB");
        }
        match queue.try_send(Queued { message, queued_at: Instant::now() }) {
            Ok(()) => {}
            Err(TrySendError::Full(queued)) => queued.message.drop_because(&format!("{MAX_WAITING} others wait")),
            Err(TrySendError::Closed(queued)) => queued.message.drop_because("the server stops"),
        }
    }
}

impl Message {
    /// As it was given.
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Html(text) => text,
        }
    }

    /// What is sent, one call each. Markup that Telegram would refuse is sent as plain text: an alert is worth more than its looks.
    fn parts(&self) -> Vec<Part> {
        let plain =
            |text: &str| split::split_plain(text).into_iter().map(|text| Part { text, is_html: false }).collect();
        let html = match self {
            Self::Plain(text) => return plain(text),
            Self::Html(html) => html,
        };
        match markup::parse(html) {
            Ok(markup) => split::split(&markup).into_iter().map(|text| Part { text, is_html: true }).collect(),
            Err(error) => {
                tracing::warn!(cause = %error, "telegram message has broken markup and is sent as plain text");
                plain(html)
            }
        }
    }

    fn drop_because(&self, reason: &str) {
        let text = self.text();
        let text = &text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)];
        MessageNotDelivered { outcome: MessageOutcome::Dropped, reason, text }.emit();
    }
}
