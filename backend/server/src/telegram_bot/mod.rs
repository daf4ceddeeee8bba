//! The bot that answers commands of the configured chat, such as `/status`, by long polling. Its answers go the way of all
//! messages, through [`crate::telegram::Telegram`], and so to that chat alone.
//!
//! `poller.rs` gets the updates, `update.rs` reads them, `commands.rs` answers, `silence.rs` asks Alertmanager.

mod commands;
mod poller;
mod silence;
mod update;

use serde_json::Value;

use crate::client_call::ServiceClient;
use crate::events::telegram::UpdateProcessed;
use crate::labels::UpdateOutcome;
use crate::state::Shared;
use crate::telegram::api::BotApi;
use poller::Poller;
use update::Update;

/// What answers commands.
#[derive(Clone)]
struct Bot {
    app: Shared,
    client: ServiceClient,
    /// Its own, without `@`.
    name: String,
}

/// Answers commands until the process stops.
pub async fn run(app: Shared, client: ServiceClient) -> anyhow::Result<()> {
    let stopping = app.shutdown.stopping.clone();
    let mut poller = Poller::new(BotApi::new(&app.config.telegram, client.clone()));
    let Some(name) = stopping.run_until_cancelled(poller.bot_name()).await else { return Ok(()) };
    tracing::info!(bot = name, "telegram bot answers commands");
    let bot = Bot { app, client, name };
    while let Some(updates) = stopping.run_until_cancelled(poller.next_updates()).await {
        for update in updates {
            if stopping.is_cancelled() {
                break;
            }
            bot.clone().process(&mut poller, update).await;
        }
    }
    // Else the last commands were answered once more after the start.
    poller.confirm().await;
    Ok(())
}

impl Bot {
    async fn process(self, poller: &mut Poller, update: Value) {
        let id = update::id(&update);
        if id.is_some_and(|id| poller.has_processed(id)) {
            return;
        }
        // In a task of its own: an update by which this program would panic came again and again.
        let processed = tokio::spawn(async move { self.answer(&update).await }).await;
        let outcome = processed.unwrap_or_else(|panic| {
            tracing::error!(cause = %panic, "processing a telegram update failed");
            UpdateOutcome::Malformed
        });
        UpdateProcessed { outcome }.emit();
        id.inspect(|id| poller.record_processed(*id));
    }

    async fn answer(&self, update: &Value) -> UpdateOutcome {
        let Some(chat) = &self.app.config.telegram.chat_id else { return UpdateOutcome::OtherChat };
        let request = match update::read(update, chat, &self.name) {
            Update::Request(request) => request,
            Update::NoCommand => return UpdateOutcome::NoCommand,
            Update::OtherChat => return UpdateOutcome::OtherChat,
            Update::Malformed => return UpdateOutcome::Malformed,
        };
        let (outcome, message) = self.answer_request(&request).await;
        self.app.telegram.send(message);
        outcome
    }
}
