//! Names and labels as text, as the registry stores and the text pages show them, and parsed again for other formats.
//!
//! What may be in a name and what must be escaped in a value is the `metrics-exporter-prometheus` crate's knowledge.

use std::borrow::Cow;
use std::fmt::Write as _;

use metrics::Key;
use metrics_exporter_prometheus::formatting::{sanitize_label_key, sanitize_label_value};

/// Labels that Prometheus keeps for itself; `le` is each bucket's own.
const RESERVED_PREFIX: &str = "__";
const BUCKET_LABEL: &str = "le";

/// What follows a histogram's name in its lines.
pub(super) const HISTOGRAM_SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Whether a metric or a label may have this name. Prometheus would also take colons in metrics, but they are for rules.
pub(super) fn is_legal(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(known) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a label of this name would not reach Prometheus as what it is.
pub(super) fn is_reserved(label: &str) -> bool {
    label.starts_with(RESERVED_PREFIX) || label == BUCKET_LABEL
}

/// A name with every character that may not be in it replaced.
pub(super) fn legal(name: &str) -> Cow<'_, str> {
    if is_legal(name) {
        return Cow::Borrowed(name);
    }
    // A first character that is a digit would be replaced as well, and names that differ in it would become one.
    let needs_a_first = name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit());
    Cow::Owned(if needs_a_first { sanitize_label_key(&format!("_{name}")) } else { sanitize_label_key(name) })
}

/// The labels of a row's key as text, in the row's order.
pub(super) fn row_labels(key: &Key) -> String {
    label_text(key.labels().map(|label| (label.key(), label.value())))
}

/// The labels of a key that is in no catalogue, sorted, because no row gives them an order. `None` when two of them would
/// have one name, or one is reserved.
pub(super) fn foreign_labels(key: &Key) -> Option<String> {
    let mut labels: Vec<_> = key.labels().map(|label| (legal(label.key()), label.value())).collect();
    labels.sort_unstable();
    let distinct = labels.windows(2).all(|pair| pair[0].0 != pair[1].0);
    let usable = distinct && !labels.iter().any(|(name, _)| is_reserved(name));
    usable.then(|| label_text(labels.iter().map(|(name, value)| (name.as_ref(), *value))))
}

fn label_text<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> String {
    let mut text = String::new();
    // To Prometheus an empty value and an absent label are the same.
    for (name, value) in labels.filter(|(_, value)| !value.is_empty()) {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{name}=\"{}\"", escaped(value));
    }
    text
}

/// A label value with what the format gives a meaning escaped.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        Cow::Owned(sanitize_label_value(&unambiguous(value)))
    } else {
        Cow::Borrowed(value)
    }
}

/// A text as the exporter crate escapes it without loss: it takes a backslash before a backslash or a quote for an escape
/// that is there already, so that `a\\b` and `a\b` would be one.
pub(crate) fn unambiguous(text: &str) -> Cow<'_, str> {
    if text.contains('\\') { Cow::Owned(text.replace('\\', r"\\")) } else { Cow::Borrowed(text) }
}

/// Names and values of labels from their text.
pub(crate) fn parse_labels(labels: &str) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    let mut rest = labels;
    while let Some((name, quoted)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let mut end = quoted.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => value.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, other)) => other,
                    None => character,
                }),
                plain => value.push(plain),
            }
        }
        pairs.push((name, value));
        rest = quoted[end..].trim_start_matches(',');
    }
    pairs
}

#[cfg(test)]
mod tests {
    use metrics::Label;

    use super::*;

    #[test]
    fn labels_read_back_as_they_were() {
        let values = [
            "plain",
            "a\\b\"c\nd",
            "with,comma=\"and quotes\"",
            "ends in \\",
            "über",
            r"\\server\share",
            r#"\"quoted\""#,
            "a\\\nb",
            r"not a line feed: \n",
        ];
        let labels: Vec<Label> = values
            .iter()
            .zip(["a", "b", "c", "d", "e", "f", "g", "h", "i"])
            .map(|(value, name)| Label::new(name, *value))
            .collect();
        let written = row_labels(&Key::from_parts("x", labels));
        assert_eq!(parse_labels(&written).into_iter().map(|(_, value)| value).collect::<Vec<_>>(), values);
        assert_eq!(parse_labels(""), []);
    }

    #[test]
    fn names_are_made_legal() {
        assert_eq!(["a.b", "9a", "", "a:b", "ok_1"].map(legal), ["a_b", "_9a", "_", "a_b", "ok_1"]);
    }
}
