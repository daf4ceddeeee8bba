//! The part of an answer that is read as a text or an error.

use serde::Deserialize;
use serde_json::Value;

/// The part of an answer that is read here; the ledger reads the rest.
#[derive(Deserialize)]
pub(super) struct Answer {
    pub model: Option<String>,
    pub choices: Option<Vec<Choice>>,
    pub error: Option<ApiError>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub message: Option<Message>,
    pub finish_reason: Option<String>,
    pub error: Option<ApiError>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    /// A text, or a list of parts.
    pub content: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct ApiError {
    /// A word, or the HTTP status.
    pub code: Option<Value>,
    pub r#type: Option<Value>,
}

/// The text of a message: all of its parts that are texts.
pub(super) fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part["text"].as_str()).collect()),
        _ => None,
    }
}
