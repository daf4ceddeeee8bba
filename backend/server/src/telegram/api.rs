//! The calls of the Bot API that are used here. The token is in their URLs and nowhere else: what is said of a failure is made
//! here, and what Telegram says of it is searched for the token before.
//!
//! Source: the documentation of the Bot API: "Making requests", `ResponseParameters`, `sendMessage`, `getMe`, `getUpdates`.

use std::time::Duration;

use belfry_telemetry::settings::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use strum::IntoStaticStr;
use url::Url;

use crate::client_call::{ServiceClient, below, sentence};
use crate::config::{ChatId, TelegramConfig};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause that Telegram may ask for and get.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// As much of Telegram's words is shown.
const MAX_DESCRIPTION_CHARACTERS: usize = 200;

/// The Bot API, with the token of one bot.
#[derive(Clone)]
pub struct BotApi {
    client: ServiceClient,
    base: Url,
    token: Secret,
}

/// The methods that are called; their names are the label `endpoint` of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "camelCase")]
enum Method {
    GetMe,
    SendMessage,
    GetUpdates,
}

/// A text for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The text.
    pub text: String,
    /// Whether it is markup.
    pub is_html: bool,
}

/// Why a call did not succeed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Telegram asks to be called later; after this time, if it says when.
    #[error("asks to be called less often")]
    TooManyRequests(Option<Duration>),
    /// It cannot be reached, or has a fault: a retry may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// It has done what was asked, and its answer cannot be read. These are the bytes.
    #[error("its answer is not as the Bot API documents it")]
    Unreadable(Vec<u8>),
    /// It refuses.
    #[error("answers {status}: {description}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        description: String,
    },
}

/// Every answer of the Bot API.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    result: Value,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    parameters: Option<ResponseParameters>,
}

#[derive(Deserialize)]
struct ResponseParameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl BotApi {
    /// The bot of these settings.
    pub fn new(config: &TelegramConfig, client: ServiceClient) -> Self {
        Self { client, base: config.base_url.clone(), token: config.token.clone() }
    }

    /// `getMe`: the bot's own name, without `@`.
    pub async fn bot_name(&self) -> Result<String, CallError> {
        let bot = self.call(Method::GetMe, &json!({}), TIMEOUT).await?;
        let name = bot["username"].as_str().map(ToOwned::to_owned);
        name.ok_or_else(|| CallError::Unreadable(bot.to_string().into_bytes()))
    }

    /// `sendMessage`, without a preview of the links in it.
    pub(super) async fn send_message(&self, chat: &ChatId, part: &Part) -> Result<(), CallError> {
        let preview = json!({ "is_disabled": true });
        let mut parameters = json!({ "chat_id": chat, "text": part.text, "link_preview_options": preview });
        if part.is_html {
            parameters["parse_mode"] = Value::from("HTML");
        }
        self.call(Method::SendMessage, &parameters, TIMEOUT).await.map(drop)
    }

    /// `getUpdates` from `offset` on, which confirms all before it. Waits for the first for up to `wait`, in whole seconds.
    pub async fn updates(&self, offset: i64, limit: u32, wait: Duration) -> Result<Vec<Value>, CallError> {
        let parameters = json!({
            "offset": offset,
            "limit": limit,
            "timeout": wait.as_secs(),
            "allowed_updates": ["message", "channel_post"],
        });
        match self.call(Method::GetUpdates, &parameters, wait + TIMEOUT).await? {
            Value::Array(updates) => Ok(updates),
            other => Err(CallError::Unreadable(other.to_string().into_bytes())),
        }
    }

    async fn call(&self, method: Method, parameters: &Value, timeout: Duration) -> Result<Value, CallError> {
        let url = below(&self.base, &format!("bot{}/{}", self.token.expose(), <&str>::from(method)));
        let response = self.client.post(method.service(), method.into(), &url, parameters, timeout).await;
        let response = response.map_err(|failure| CallError::Unavailable(sentence(failure).to_owned()))?;
        self.read(response.status.as_u16(), response.body)
    }

    fn read(&self, status: u16, body: Vec<u8>) -> Result<Value, CallError> {
        let answer: Option<Answer> = serde_json::from_slice(&body).ok();
        // The API repeats the status in its answer.
        let status = answer.as_ref().and_then(|answer| answer.error_code).filter(|_| status < 300).unwrap_or(status);
        match (status, answer) {
            (200..=299, Some(Answer { ok: true, result, .. })) => Ok(result),
            (200..=299, _) => Err(CallError::Unreadable(body)),
            (429, answer) => {
                let seconds = answer.and_then(|answer| answer.parameters?.retry_after);
                let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
                Err(CallError::TooManyRequests(pause))
            }
            (500.., _) => Err(CallError::Unavailable(format!("answers {status}"))),
            (_, answer) => {
                let description = answer.map(|answer| self.description(&answer)).unwrap_or_default();
                Err(CallError::Refused { status, description })
            }
        }
    }

    /// What Telegram says, on one line, and without the token.
    fn description(&self, answer: &Answer) -> String {
        let token = self.token.expose();
        let secret = token.split_once(':').map_or(token, |(_, secret)| secret);
        let mut said = answer.description.replace(token, "[token]");
        if !secret.is_empty() {
            said = said.replace(secret, "[token]");
        }
        let said =
            said.chars().take(MAX_DESCRIPTION_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect();
        match answer.parameters.as_ref().and_then(|parameters| parameters.migrate_to_chat_id) {
            Some(chat) => format!("{said}: set TELEGRAM__CHAT_ID to {chat}"),
            None => said,
        }
    }
}

impl Method {
    /// A call of `getUpdates` waits for updates, so that it is counted apart from those that should be quick.
    const fn service(self) -> &'static str {
        match self {
            Self::GetMe | Self::SendMessage => "telegram",
            Self::GetUpdates => "telegram_updates",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<Value, CallError> {
        let variables = [("TELEGRAM__TOKEN".to_owned(), "12:hunter2".to_owned())];
        let config = crate::config::Config::read(variables).unwrap();
        BotApi::new(&config.telegram, ServiceClient::new().unwrap()).read(status, body.as_bytes().to_vec())
    }

    fn refused(status: u16, description: &str) -> Result<Value, CallError> {
        Err(CallError::Refused { status, description: description.to_owned() })
    }

    #[test]
    fn answers_are_read_as_documented() {
        assert_eq!(read(200, r#"{"ok":true,"result":[1]}"#), Ok(json!([1])));
        let error = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#;
        assert_eq!(read(400, error), refused(400, "Bad Request: chat not found"));
        assert_eq!(read(200, error), refused(400, "Bad Request: chat not found"));
        let busy = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":7}}"#;
        assert_eq!(read(429, busy), Err(CallError::TooManyRequests(Some(Duration::from_secs(7)))));
        let busy = busy.replace('7', "18446744073709551615");
        assert_eq!(read(429, &busy), Err(CallError::TooManyRequests(Some(MAX_RETRY_AFTER))));
        let moved =
            r#"{"ok":false,"error_code":400,"description":"upgraded","parameters":{"migrate_to_chat_id":-1005}}"#;
        assert_eq!(read(400, moved), refused(400, "upgraded: set TELEGRAM__CHAT_ID to -1005"));
    }

    #[test]
    fn answers_that_are_not_documented_are_told_apart() {
        for body in ["", "<html>", r#"{"ok":false}"#, r#"{"result":1}"#, "[]"] {
            assert_eq!(read(200, body), Err(CallError::Unreadable(body.as_bytes().to_vec())), "{body}");
            assert_eq!(read(302, body), refused(302, ""), "{body}");
            assert_eq!(read(403, body), refused(403, ""), "{body}");
            assert_eq!(read(429, body), Err(CallError::TooManyRequests(None)), "{body}");
            assert_eq!(read(502, body), Err(CallError::Unavailable("answers 502".to_owned())), "{body}");
        }
    }

    #[test]
    fn what_telegram_says_is_one_line_without_the_token() {
        let said = format!("no /bot12:hunter2/x\\nnor hunter2 {}", "x".repeat(500));
        let Err(CallError::Refused { description, .. }) =
            read(404, &format!(r#"{{"ok":false,"description":"{said}"}}"#))
        else {
            panic!("it is refused");
        };
        assert!(description.starts_with("no /bot[token]/x nor [token] xxx"), "{description}");
        assert_eq!(description.len(), MAX_DESCRIPTION_CHARACTERS);
    }
}
