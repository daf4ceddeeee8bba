//! Texts of others in messages, cut to what a person reads.

/// Most characters of another's text in a message.
const MAX_CHARACTERS: usize = 64;

/// The beginning of a text, for a message, with its control characters escaped. What is left out is shown as `…`.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_CHARACTERS).flat_map(escaped).collect();
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        short.push('…');
    }
    short
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let (plain, special) = if character.is_control() { (None, Some(character.escape_default())) } else { (Some(character), None) };
    plain.into_iter().chain(special.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_control_characters_shown() {
        assert_eq!(excerpt("flex"), "flex");
        assert_eq!(excerpt("a\nb"), "a\\nb");
        assert_eq!(excerpt(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(excerpt(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }
}
