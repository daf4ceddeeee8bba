//! `AI__*`, `TELEGRAM__*` and `BILLING__*`: services of others that this one may call, or that call it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belfry_ledger::PicoDollars;
use belfry_telemetry::settings::{self, Secret, between, duration_between};
use clap::{ArgAction, Args};
use serde::Serialize;

use crate::labels::BudgetMode;

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
    /// Whose prices apply, and whose form of the API it is: openai, openrouter, vllm, ollama and others, in small letters; unset: as
    /// the host in AI__BASE_URL tells.
    #[arg(id = "AI__PROVIDER", value_parser = provider_name)]
    pub provider: Option<String>,
    /// How long one answer may take.
    #[arg(id = "AI__TIMEOUT", default_value = "60s", value_parser = duration_between("100ms", "10m"))]
    pub timeout: Duration,
    /// How often a call is retried that was answered 408, 429 or 5xx (but for 504 and 524), or whose provider cannot be reached. Each try may be billed.
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
    /// A price file in place of the one that comes with the program: see `belfry ai prices`.
    #[arg(id = "AI__PRICES_FILE")]
    pub prices_file: Option<PathBuf>,
    /// `soft`: calls beyond a budget are made, with a warning; `hard`: they are refused.
    #[arg(id = "AI__BUDGET_MODE", default_value = "soft")]
    pub budget_mode: BudgetMode,
    /// The dollars that all calls of a day may cost together, in the calendar of JOBS__TIME_ZONE; unset: any.
    #[arg(id = "AI__BUDGET_DAILY", value_parser = dollars)]
    pub budget_daily: Option<PicoDollars>,
    /// The same for a month.
    #[arg(id = "AI__BUDGET_MONTHLY", value_parser = dollars)]
    pub budget_monthly: Option<PicoDollars>,
    /// The same for a day and each user.
    #[arg(id = "AI__BUDGET_USER_DAILY", value_parser = dollars)]
    pub budget_user_daily: Option<PicoDollars>,
    /// The same for a month and each user.
    #[arg(id = "AI__BUDGET_USER_MONTHLY", value_parser = dollars)]
    pub budget_user_monthly: Option<PicoDollars>,
    /// After this time a call that has not ended is taken for one whose server died; its worst case stays counted.
    #[arg(id = "AI__RESERVATION_TTL", default_value = "15m", value_parser = duration_between("1s", "1d"))]
    pub reservation_ttl: Duration,
}

/// Names such as `gpt-5-mini`, `anthropic/claude-haiku-4.5` and `llama3.2:3b`.
fn model_name(text: &str) -> Result<String, String> {
    let usable = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c);
    if !text.is_empty() && text.len() <= 128 && text.chars().all(usable) {
        return Ok(text.to_owned());
    }
    Err("a model's name such as gpt-5-mini, of at most 128 letters, digits and - _ . : / @ +".to_owned())
}

fn provider_name(text: &str) -> Result<String, String> {
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(usable) {
        return Ok(text.to_owned());
    }
    Err("a provider's name such as openai, of at most 64 small letters, digits and - _ .".to_owned())
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

/// Pico-dollars of a dollar, as digits after the point.
const DOLLAR_DIGITS: usize = 12;

/// The largest budget, in dollars.
const MAX_DOLLARS: i128 = 1_000_000;

/// An amount of dollars such as `0.50`, exact.
fn dollars(text: &str) -> Result<PicoDollars, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
    let amount = (are_digits(whole) && are_digits(part) && part.len() <= DOLLAR_DIGITS)
        .then(|| format!("{whole}{part:0<DOLLAR_DIGITS$}").parse::<i128>().ok())
        .flatten()
        .filter(|amount| *amount <= MAX_DOLLARS * 10_i128.pow(DOLLAR_DIGITS as u32));
    let expected = "an amount of dollars such as 25 or 0.50, from 0 to 1000000";
    amount.map(PicoDollars::new).ok_or_else(|| expected.to_owned())
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
