//! `AI__*`, `TELEGRAM__*` and `BILLING__*`: services of others that this one may call, or that call it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belfry_telemetry::settings::{self, Secret};
use clap::{ArgAction, Args};
use serde::Serialize;

/// `AI__*`
#[derive(Args, Clone, Debug)]
pub struct AiConfig {
    /// Whether an AI provider is used.
    #[arg(id = "AI__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The OpenAI-compatible API, such as https://api.openai.com/v1.
    #[arg(id = "AI__BASE_URL", value_parser = settings::http_url)]
    pub base_url: Option<url::Url>,
    /// Its API key.
    #[arg(id = "AI__API_KEY", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub api_key: Secret,
}

/// `TELEGRAM__*`
#[derive(Args, Clone, Debug)]
pub struct TelegramConfig {
    /// Whether messages are sent by a Telegram bot. TELEGRAM__TOKEN and TELEGRAM__CHAT_ID are needed then.
    #[arg(id = "TELEGRAM__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The Bot API's address.
    #[arg(id = "TELEGRAM__BASE_URL", default_value = "https://api.telegram.org", value_parser = settings::http_url)]
    pub base_url: url::Url,
    /// The bot's token.
    #[arg(id = "TELEGRAM__TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub token: Secret,
    /// The chat that is sent the messages, and the only one whose commands are answered: a number, negative for groups, or the
    /// @name of a public channel.
    #[arg(id = "TELEGRAM__CHAT_ID", value_parser = ChatId::parse)]
    pub chat_id: Option<ChatId>,
    /// Whether the bot answers commands such as /status. Of several servers with one bot, only one may have it.
    #[arg(id = "TELEGRAM__BOT", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub bot: bool,
}

/// A chat, as the Bot API names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ChatId {
    /// A person, a group or a channel.
    Number(i64),
    /// A public channel or group, such as `@alerts_north`.
    Name(String),
}

impl ChatId {
    /// Names have 4 to 32 letters, digits and underscores.
    fn parse(text: &str) -> Result<Self, String> {
        let is_name =
            |name: &str| (4..=32).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if text.strip_prefix('@').is_some_and(is_name) {
            return Ok(Self::Name(text.to_owned()));
        }
        let number = text.parse().ok().filter(|number| *number != 0_i64);
        let expected = "a chat's number such as -1001234567890, or the @name of a public channel";
        number.map(Self::Number).ok_or_else(|| expected.to_owned())
    }
}

/// `BILLING__*`
#[derive(Args, Clone, Debug)]
pub struct BillingConfig {
    /// With what the billing provider signs its events (Standard Webhooks): whsec_ and base64 of 24 to 64 bytes. Several, separated
    /// by commas or spaces, are valid at the same time, as while one replaces another. Without any, events are answered 503.
    #[arg(id = "BILLING__WEBHOOK_SECRET", default_value = "", value_parser = WebhookSecrets::parse, hide_default_value = true)]
    pub webhook_secrets: WebhookSecrets,
}

/// Secrets of Standard Webhooks, decoded. They are never shown.
#[derive(Clone, Default)]
pub struct WebhookSecrets(Vec<Vec<u8>>);

/// The bytes of a secret: those of the specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// More than are needed while one replaces another. Each costs a signature of every body.
const MAX_SECRETS: usize = 8;

impl WebhookSecrets {
    /// Reads secrets that are separated by commas or white space. Their prefix may be left out.
    ///
    /// # Errors
    /// What is expected, for a secret that is not base64 of 24 to 64 bytes, and for too many.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(|character: char| character == ',' || character.is_whitespace());
        let keys = parts.filter(|part| !part.is_empty()).map(|part| {
            let key = STANDARD.decode(part.strip_prefix("whsec_").unwrap_or(part)).ok();
            key.filter(|key| SECRET_BYTES.contains(&key.len()))
        });
        let keys: Option<Vec<Vec<u8>>> = keys.collect();
        keys.filter(|keys| keys.len() <= MAX_SECRETS).map(Self).ok_or_else(|| {
            let (least, most) = (*SECRET_BYTES.start(), *SECRET_BYTES.end());
            format!(
                "at most {MAX_SECRETS} secrets, each whsec_ and the base64 of {least} to {most} bytes, separated by commas or \
                 spaces"
            )
        })
    }

    /// The keys of the signatures.
    pub fn keys(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_empty() { "unset" } else { "set" })
    }
}
