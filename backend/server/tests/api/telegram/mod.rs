//! The Telegram bot, with a server that speaks the Bot API: what it answers, what it ignores, and what goes wrong. How messages
//! are split and delivered is tested in `src/telegram/`.

mod alerts;
mod commands;
mod faults;

use belfry_test_support::telegram::{BotApi, CHAT, TOKEN};

use crate::api::support::server::Server;

/// A Bot API, and the settings by which a server uses it.
struct World {
    telegram: BotApi,
    url: String,
    chat: String,
}

impl World {
    async fn new() -> Self {
        let (telegram, url) = BotApi::start().await;
        Self { telegram, url, chat: CHAT.to_string() }
    }

    /// The settings of a server with the bot, and these.
    fn settings<'s>(&'s self, others: &[(&'s str, &'s str)]) -> Vec<(&'s str, &'s str)> {
        let mut settings = vec![
            ("TELEGRAM__ENABLED", "true"),
            ("TELEGRAM__BASE_URL", self.url.as_str()),
            ("TELEGRAM__TOKEN", TOKEN),
            ("TELEGRAM__CHAT_ID", self.chat.as_str()),
            ("TELEGRAM__BOT", "true"),
        ];
        settings.extend(others);
        settings
    }

    async fn start(&self, others: &[(&str, &str)]) -> Server {
        Server::start_with(&self.settings(others)).await
    }

    /// Writes something in the chat and waits for the answer, which is the only new message.
    async fn ask(&self, text: &str) -> String {
        let before = self.telegram.messages().len();
        self.telegram.write(text);
        let texts = self.telegram.await_texts(before + 1).await;
        assert_eq!(texts.len(), before + 1, "{texts:?}");
        texts[before].clone()
    }
}

/// The series of updates with this outcome.
fn updates(outcome: &str) -> String {
    format!(r#"belfry_telegram_updates_total{{outcome="{outcome}"}}"#)
}
