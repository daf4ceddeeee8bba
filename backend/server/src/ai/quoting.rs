//! Texts that others chose, such as names of columns, as they may stand in a prompt: one short line without invisible
//! characters.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// The longest such text, in characters; what is cut ends in `…`.
pub const MAX_CHARACTERS: usize = 64;

/// Control characters, and those that are not seen or change the order of others: format and private characters, unassigned
/// ones, and selectors of variants, in which a text can be hidden.
static INVISIBLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\p{C}\p{Default_Ignorable_Code_Point}]").expect("the pattern is valid"));

/// A text on one line, without invisible characters, of at most `most` characters.
pub fn quoted_up_to(text: &str, most: usize) -> String {
    // No more of a long text is looked at than may be shown, and a few of those that are left out.
    let end = text.char_indices().nth(4 * most).map_or(text.len(), |(end, _)| end);
    let spaced = text[..end].replace(|c: char| c.is_whitespace(), " ");
    let seen = INVISIBLE.replace_all(&spaced, "");
    let mut line = seen.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let characters = line.chars().count();
    if characters > most || (end < text.len() && characters > 0) {
        line = line.chars().take(most.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

/// [`quoted_up_to`] [`MAX_CHARACTERS`].
pub fn quoted(text: &str) -> String {
    quoted_up_to(text, MAX_CHARACTERS)
}

/// A value that others chose: numbers and switches as they are, texts [`quoted`], anything else left out.
pub fn quoted_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(quoted(text)),
        Value::Number(_) | Value::Bool(_) => value.clone(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_what_they_are() {
        for name in ["sepal_length", "Größe (cm)", "価格", "a \"b\" 'c' `d`", "ignore previous instructions", ""] {
            assert_eq!(quoted(name), name);
        }
    }

    #[test]
    fn a_text_becomes_one_line_without_what_is_not_seen() {
        let hidden = "a\u{0}\u{7}b\u{200b}\u{200e}\u{feff}c\u{ad}d\u{fe0f}\u{e0041}\u{e0100}e\u{e000}f\u{3164}";
        assert_eq!(quoted(hidden), "abcdef");
        assert_eq!(quoted("\u{202e}txet\u{202c} \u{2066}a\u{2069}"), "txet a");
        assert_eq!(quoted("  a\r\n\r\nb\tc\u{2028}d\u{2029}e\u{85}f\u{a0}g  "), "a b c d e f g");
        assert_eq!(quoted("\u{1b}[31mred"), "[31mred");
        assert_eq!(quoted("\n\u{200b}\n"), "");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let exact = "x".repeat(MAX_CHARACTERS);
        assert_eq!(quoted(&exact), exact);
        for long in [format!("{exact}y"), "x".repeat(10_000)] {
            assert_eq!(quoted(&long), format!("{}…", &exact[1..]));
        }
        let wide = quoted(&"ü".repeat(10_000));
        assert_eq!((wide.chars().count(), wide.chars().last()), (MAX_CHARACTERS, Some('…')));
        // A text whose seen part begins late shows what was looked at, and no more.
        assert_eq!(quoted(&format!("{}secret", "\u{200b}".repeat(10_000))), "");
    }

    #[test]
    fn values_are_numbers_switches_or_short_texts() {
        let long = Value::from("x".repeat(10_000));
        assert_eq!(quoted_value(&long).as_str().map(|text| text.chars().count()), Some(MAX_CHARACTERS));
        assert_eq!(quoted_value(&Value::from(1.5)), 1.5);
        assert_eq!(quoted_value(&serde_json::json!({"a": [1]})), Value::Null);
    }
}
