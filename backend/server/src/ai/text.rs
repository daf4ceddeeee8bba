//! A text that a model wrote, as it is stored and shown.

use serde::{Deserialize, Serialize};

/// The longest text that is stored; of a longer one this much.
const MAX_BYTES: usize = 16 << 10;

/// A text that a model wrote about a run or a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiText {
    /// Plain text.
    pub text: String,
    /// The model, as the provider names it in its answer.
    pub model: String,
    /// RFC 3339.
    pub created_at: String,
    /// Whether the text ends early, as at AI__MAX_TOKENS.
    pub is_cut: bool,
}

/// A model's words as they may be stored and shown: without control characters and those that change the order of others, and
/// no longer than is stored. The second value is whether they were cut.
pub fn shown_words(words: &str) -> (String, bool) {
    let is_shown = |c: &char| matches!(c, '\n' | '\t') || !(c.is_control() || is_ordering(*c));
    let mut shown = words.chars().filter(is_shown).collect::<String>().trim().to_owned();
    let is_cut = shown.len() > MAX_BYTES;
    shown.truncate(shown.floor_char_boundary(MAX_BYTES));
    (shown, is_cut)
}

/// The explicit marks of the bidirectional algorithm (UAX 9, section 2).
fn is_ordering(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shown_without_what_a_terminal_or_page_obeys() {
        let (shown, is_cut) = shown_words(" The model\n\tis\u{0} \u{1b}[31mgood\u{202e}\r.  ");
        assert_eq!((shown.as_str(), is_cut), ("The model\n\tis [31mgood.", false));
        let (shown, is_cut) = shown_words(&"日".repeat(MAX_BYTES));
        assert!(is_cut && shown.len() <= MAX_BYTES && shown.len() > MAX_BYTES - 3);
    }
}
