//! `AI__*` and `TELEGRAM__*`: services of others that this one may call.

use belfry_telemetry::settings::{self, Secret};
use clap::{ArgAction, Args};

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
    /// Whether a Telegram bot is used.
    #[arg(id = "TELEGRAM__ENABLED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// The Bot API's address.
    #[arg(id = "TELEGRAM__BASE_URL", default_value = "https://api.telegram.org", value_parser = settings::http_url)]
    pub base_url: url::Url,
    /// The bot's token.
    #[arg(id = "TELEGRAM__TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub token: Secret,
}
