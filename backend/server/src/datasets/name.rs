//! Names that clients give. They are labels for people and become a path nowhere.

use crate::request::percent_encoded;

const MAX_CHARACTERS: usize = 200;

/// The last part of what may be a path, without control characters, truncated.
pub fn sanitize_name(requested: &str) -> String {
    let last = requested.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|character| !is_disruptive(*character)).take(MAX_CHARACTERS).collect();
    match name.trim() {
        "" | "." | ".." => "dataset".to_owned(),
        name => name.to_owned(),
    }
}

/// Control characters, and those that change the direction of text.
fn is_disruptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The value of `Content-Disposition` that saves a file under this name.
pub fn disposition(name: &str, format: &str) -> String {
    let extension = format!(".{format}");
    let is_named_so = name.to_ascii_lowercase().ends_with(&extension);
    let file_name = if is_named_so { name.to_owned() } else { format!("{name}{extension}") };
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || "._- ".contains(character) { character } else { '_' };
    let ascii: String = file_name.chars().map(plain).collect();
    // RFC 6266: old clients read the first, all others the second.
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", percent_encoded(&file_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_only_its_last_part() {
        assert_eq!(sanitize_name("../../etc/passwd"), "passwd");
        assert_eq!(sanitize_name(r"C:\data\wine.csv"), "wine.csv");
        for nothing in ["", "..", "a/", "///", ".", "\u{0}\n", "  "] {
            assert_eq!(sanitize_name(nothing), "dataset", "{nothing:?}");
        }
    }

    #[test]
    fn control_characters_go_and_length_is_bounded() {
        assert_eq!(sanitize_name("a\r\nb\u{202E}c\u{7}"), "abc");
        assert_eq!(sanitize_name(&"ä".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn a_file_name_cannot_leave_its_quotes() {
        assert_eq!(disposition("a\"b;c", "csv"), "attachment; filename=\"a_b_c.csv\"; filename*=UTF-8''a%22b%3Bc.csv");
        assert_eq!(disposition("wine.CSV", "csv"), "attachment; filename=\"wine.CSV\"; filename*=UTF-8''wine.CSV");
    }
}
