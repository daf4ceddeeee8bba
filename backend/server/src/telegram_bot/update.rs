//! What an update says: a command of the configured chat, or something to be ignored. Whatever it holds, it is only read.

use serde_json::Value;

use crate::config::ChatId;

/// Telegram sends no longer texts; a command is shorter anyway.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// The longest name of a person that is shown.
const MAX_NAME_CHARACTERS: usize = 64;

/// A command for this bot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'u> {
    /// In lower case, without its slash.
    pub command: String,
    /// What stands behind it.
    pub arguments: Vec<&'u str>,
    /// Who wrote it.
    pub sender: String,
    /// When, in seconds since 1970, by Telegram's clock.
    pub date: Option<i64>,
}

/// An update, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Update<'u> {
    /// A command of the configured chat.
    Request(Request<'u>),
    /// Something else of that chat, or a command for another bot.
    NoCommand,
    /// Of another chat.
    OtherChat,
    /// Not as the Bot API documents it.
    Malformed,
}

/// The number of an update, which are counted up.
pub(super) fn id(update: &Value) -> Option<i64> {
    update["update_id"].as_i64().filter(|id| *id >= 0)
}

/// The number of the first update in an answer that cannot be read as a whole: it comes first in an update.
pub(super) fn first_id(answer: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(answer);
    let (_, behind) = text.split_once("\"update_id\"")?;
    let number = behind.trim_start().strip_prefix(':')?.trim_start();
    let length = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..length].parse().ok()
}

/// Reads an update of the bot `bot_name`, whose chat is `chat`.
pub(super) fn read<'u>(update: &'u Value, chat: &ChatId, bot_name: &str) -> Update<'u> {
    let Some(message) = ["message", "channel_post"].iter().find_map(|kind| update.get(kind)) else {
        return Update::Malformed;
    };
    match is_chat(&message["chat"], chat) {
        None => return Update::Malformed,
        Some(false) => return Update::OtherChat,
        Some(true) => {}
    }
    let text = match message.get("text") {
        // A picture, a person who joined.
        None => return Update::NoCommand,
        Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => text,
        Some(_) => return Update::Malformed,
    };
    // What somebody else wrote is not a command of who passes it on.
    if message.get("forward_origin").is_some() {
        return Update::NoCommand;
    }
    let mut words = text.split_whitespace();
    let Some(command) = words.next().and_then(|word| command_for(word, bot_name)) else { return Update::NoCommand };
    let date = message["date"].as_i64();
    Update::Request(Request { command, arguments: words.collect(), sender: sender(message), date })
}

/// Whether this is the configured chat; `None` if it is no chat.
fn is_chat(found: &Value, chat: &ChatId) -> Option<bool> {
    let id = found["id"].as_i64()?;
    Some(match chat {
        ChatId::Number(number) => id == *number,
        ChatId::Name(name) => found["username"]
            .as_str()
            .is_some_and(|found| name.strip_prefix('@').unwrap_or(name).eq_ignore_ascii_case(found)),
    })
}

/// The command that a word is, such as `/status` or, where there are several bots, `/status@name`.
fn command_for(word: &str, bot_name: &str) -> Option<String> {
    let word = word.strip_prefix('/')?;
    let (command, bot) = word.split_once('@').unwrap_or((word, bot_name));
    let is_command =
        (1..=32).contains(&command.len()) && command.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_command && bot.eq_ignore_ascii_case(bot_name)).then(|| command.to_ascii_lowercase())
}

fn sender(message: &Value) -> String {
    let user = message["from"]["username"].as_str().map(|name| format!("@{name}"));
    let names = [&message["from"]["first_name"], &message["sender_chat"]["title"], &message["author_signature"]];
    let other = || names.iter().find_map(|name| name.as_str()).map(ToOwned::to_owned);
    let name = user.or_else(other).unwrap_or_else(|| "somebody".to_owned());
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CHAT: ChatId = ChatId::Number(-5);

    fn message(message: Value) -> Value {
        json!({ "update_id": 7, "message": message })
    }

    fn text(text: &str) -> Value {
        message(json!({ "chat": { "id": -5 }, "from": { "username": "ann" }, "date": 100, "text": text }))
    }

    fn request(update: &Value) -> (String, Vec<String>) {
        match read(update, &CHAT, "OurBot") {
            Update::Request(request) => (request.command, request.arguments.iter().map(ToString::to_string).collect()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_command_may_name_this_bot() {
        for word in ["/silence", "/silence@OurBot", "/Silence@ourbot"] {
            let arguments = vec!["BackendDown".to_owned(), "2h".to_owned()];
            assert_eq!(request(&text(&format!("{word} BackendDown\n 2h"))), ("silence".to_owned(), arguments));
        }
        for other in ["/silence@OtherBot x 1h", "hello", "/", "/usr/bin", "/x@", "", "a /status", "/é"] {
            assert_eq!(read(&text(other), &CHAT, "OurBot"), Update::NoCommand, "{other}");
        }
    }

    #[test]
    fn only_the_configured_chat_is_read() {
        let of = |chat: Value| message(json!({ "chat": chat, "text": "/status" }));
        assert_eq!(read(&of(json!({ "id": 5 })), &CHAT, "b"), Update::OtherChat);
        assert_eq!(read(&of(json!({ "id": 5, "username": "-5" })), &CHAT, "b"), Update::OtherChat);
        let channel = ChatId::Name("@Alerts_North".to_owned());
        assert_eq!(read(&of(json!({ "id": 5, "username": "other" })), &channel, "b"), Update::OtherChat);
        assert_eq!(read(&of(json!({ "id": 5 })), &channel, "b"), Update::OtherChat);
        let post = json!({ "channel_post": { "chat": { "id": 5, "username": "alerts_north" }, "text": "/status" } });
        assert!(matches!(read(&post, &channel, "b"), Update::Request(_)));
    }

    #[test]
    fn what_is_missing_or_of_another_kind_changes_nothing() {
        for update in [
            json!(null),
            json!([]),
            json!({ "update_id": 7 }),
            json!({ "message": null }),
            message(json!({})),
            message(json!({ "chat": -5, "text": "/status" })),
            message(json!({ "chat": { "id": "-5" }, "text": "/status" })),
            message(json!({ "chat": { "id": -5 }, "text": 5 })),
            message(json!({ "chat": { "id": -5 }, "text": ["/status"] })),
            text(&format!("/status {}", "x".repeat(MAX_TEXT_BYTES))),
        ] {
            assert_eq!(read(&update, &CHAT, "b"), Update::Malformed, "{update}");
        }
        for update in [
            message(json!({ "chat": { "id": -5 }, "photo": [] })),
            message(json!({ "chat": { "id": -5 }, "text": "/status", "forward_origin": { "type": "user" } })),
        ] {
            assert_eq!(read(&update, &CHAT, "b"), Update::NoCommand, "{update}");
        }
    }

    #[test]
    fn who_sent_it_is_one_short_line() {
        let of = |from: Value| sender(&json!({ "from": from }));
        assert_eq!(of(json!({ "username": "ann", "first_name": "Ann" })), "@ann");
        assert_eq!(of(json!({ "first_name": "Ann\nB" })), "AnnB");
        assert_eq!(of(json!({ "first_name": "x".repeat(1_000) })).len(), MAX_NAME_CHARACTERS);
        assert_eq!(sender(&json!({ "sender_chat": { "title": "Alerts" } })), "Alerts");
        assert_eq!(sender(&json!({})), "somebody");
    }

    #[test]
    fn numbers_of_updates_are_read_from_what_can_be_read() {
        assert_eq!(id(&json!({ "update_id": 7 })), Some(7));
        for update in [json!({}), json!({ "update_id": "7" }), json!({ "update_id": -7 }), json!({ "update_id": 7.5 })]
        {
            assert_eq!(id(&update), None, "{update}");
        }
        assert_eq!(first_id(b"{\"ok\":true,\"result\":[{\"update_id\": 12,\"message\":{\"te\xff"), Some(12));
        assert_eq!(first_id(b"[{\"update_id\":\"12\"}]"), None);
        assert_eq!(first_id(b"{\"update_id\":99999999999999999999}"), None);
        assert_eq!(first_id(b"<html>"), None);
    }
}
