//! `AI__*` and `TELEGRAM__*`: services of others that this one may call.

use std::time::Duration;

use belfry_telemetry::settings::{self, Secret, between, duration_between};
use clap::{ArgAction, Args};
use serde::Serialize;

/// `AI__*`
#[derive(Args, Clone, Debug)]
pub struct AiConfig {
    /// Whether an AI provider is used. AI__BASE_URL and AI__MODEL are needed then.
    #[arg(id = "AI__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The OpenAI-compatible API, such as https://api.openai.com/v1.
    #[arg(id = "AI__BASE_URL", value_parser = settings::http_url)]
    pub base_url: Option<url::Url>,
    /// Its API key.
    #[arg(id = "AI__API_KEY", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
    pub api_key: Secret,
    /// The model that writes, by the provider's name for it.
    #[arg(id = "AI__MODEL", value_parser = model_name)]
    pub model: Option<String>,
    /// How long one answer may take.
    #[arg(id = "AI__TIMEOUT", default_value = "60s", value_parser = duration_between("100ms", "10m"))]
    pub timeout: Duration,
    /// How often a call is retried that was answered 408, 429 or 5xx, or whose provider cannot be reached. Each try may be billed.
    #[arg(id = "AI__RETRIES", default_value = "2", value_parser = between(0_u32, 10))]
    pub retries: u32,
    /// Calls at the same time.
    #[arg(id = "AI__CONCURRENCY", default_value = "4", value_parser = between(1_usize, 1_000))]
    pub concurrency: usize,
    /// How long a call may wait for one of AI__CONCURRENCY; then it is answered 503 with Retry-After.
    #[arg(id = "AI__WAIT", default_value = "10s", value_parser = duration_between("0s", "5m"))]
    pub wait: Duration,
    /// The most tokens that one answer may have, those that a model thinks in among them.
    #[arg(id = "AI__MAX_TOKENS", default_value = "2000", value_parser = between(16_u64, 1_000_000))]
    pub max_tokens: u64,
    /// Whether values of a dataset may be sent: its first lines, and the names of the classes of its target. Otherwise only names
    /// of columns and statistics are.
    #[arg(id = "AI__SHARE_SAMPLES", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub share_samples: bool,
}

/// Names such as `gpt-5-mini`, `anthropic/claude-haiku-4.5` and `llama3.2:3b`.
fn model_name(text: &str) -> Result<String, String> {
    let usable = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c);
    if !text.is_empty() && text.len() <= 128 && text.chars().all(usable) {
        return Ok(text.to_owned());
    }
    Err("a model's name such as gpt-5-mini, of at most 128 letters, digits and - _ . : / @ +".to_owned())
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
