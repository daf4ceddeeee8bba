//! What is shown of an answer: nothing that holds the key, and of an error one word at most.

use belfry_ledger::Report;
use belfry_telemetry::settings::Secret;
use serde_json::Value;

use super::answer::ApiError;

/// The longest code of an error that is shown.
const MAX_CODE_BYTES: usize = 64;

/// Whether a text holds the key.
pub(super) fn has_key(text: &str, key: &Secret) -> bool {
    !key.is_empty() && text.contains(key.expose())
}

/// A text without the key.
pub(super) fn removed(text: &str, key: &Secret) -> String {
    if has_key(text, key) { text.replace(key.expose(), "[removed]") } else { text.to_owned() }
}

/// A report without the texts that hold the key. They go to the database, the API and the spans.
pub(super) fn without_key(report: Report, key: &Secret) -> Report {
    let kept = |text: Option<String>| text.filter(|text| !has_key(text, key));
    Report {
        model: kept(report.model),
        provider: kept(report.provider),
        generation_id: kept(report.generation_id),
        service_tier: kept(report.service_tier),
        ..report
    }
}

/// The provider's word for an error. Its sentences may repeat the prompt, or parts of the key, so that they are not shown.
pub(super) fn shown_code(error: &ApiError, key: &Secret) -> Option<String> {
    let words = [&error.code, &error.r#type].into_iter().flatten().filter_map(Value::as_str);
    let is_word = |word: &&str| {
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_of_key = !key.is_empty() && (key.expose().contains(*word) || word.contains(key.expose()));
        !word.is_empty() && word.len() <= MAX_CODE_BYTES && word.chars().all(usable) && !is_of_key
    };
    words.into_iter().find(is_word).map(ToOwned::to_owned)
}
