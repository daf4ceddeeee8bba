//! `AI__*` and `TELEGRAM__*`: services of others that this one may call.

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
