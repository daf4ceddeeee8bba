//! Texts of clients in messages, cut to what a person reads: a request may name a column of two million letters.

use std::borrow::Cow;

/// Most characters of a client's text in a message.
pub const MAX_CHARACTERS: usize = 64;

/// The beginning of a client's text, for a message. What is left out is shown as `…`.
///
/// ```
/// use belfry_learning::excerpt::excerpt;
///
/// assert_eq!(excerpt("species"), "species");
/// assert_eq!(excerpt(&"x".repeat(1_000_000)), format!("{}…", "x".repeat(64)));
/// ```
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_CHARACTERS) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// A whole message of at most about `max_bytes`. Its middle is left out, because the beginning says what is wrong and
/// the end what is expected.
pub fn shorten_message(text: &str, max_bytes: usize) -> Cow<'_, str> {
    if text.len() <= max_bytes {
        return Cow::Borrowed(text);
    }
    let end_of_head = text.floor_char_boundary(max_bytes / 2);
    let start_of_tail = text.ceil_char_boundary(text.len() - max_bytes / 2);
    Cow::Owned(format!("{} … {}", &text[..end_of_head], &text[start_of_tail..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(excerpt(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(excerpt(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
        let message = format!("found `{}`, expected a number", "é".repeat(1000));
        for max_bytes in 60..70 {
            let short = shorten_message(&message, max_bytes);
            assert!(short.starts_with("found `é") && short.ends_with(", expected a number"), "{short}");
            assert!(short.len() <= max_bytes + " … ".len(), "{short}");
        }
        assert_eq!(shorten_message("short", 5), "short");
    }
}
