//! Patterns of model names: `*` is any text, also none, and `#` is one digit.

/// Most bytes of a pattern.
const MAX_BYTES: usize = 200;

/// A pattern of model names, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what is expected.
    pub fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        let wrong = |what: &str, expected| Err((format!("the name `{}`{what}", crate::excerpt::excerpt(text)), expected));
        if text.is_empty() || text.len() > MAX_BYTES {
            return wrong("", "1 to 200 bytes");
        }
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return wrong(" with a space or a control character", "a name without them");
        }
        if text.contains("**") {
            return wrong(" with `**`", "a single `*` for any text");
        }
        if text.contains(['[', ']', '{', '}', '?', '|', '\\', '^', '$', '(', ')']) {
            return wrong(" with a character of another kind of pattern", "`*` for any text and `#` for a digit");
        }
        Ok(Self(text.to_lowercase()))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a name itself, without `*` and `#`.
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '#'])
    }

    /// Whether a name, in lower case, is of this pattern.
    pub fn matches(&self, name: &str) -> bool {
        // Back to the last `*` where it does not go on: enough, since an earlier one would gain nothing.
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut read) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while read < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, read));
                    at += 1;
                }
                Some(expected) if one_matches(*expected, name[read]) => {
                    at += 1;
                    read += 1;
                }
                _ => {
                    let Some((star_at, from)) = star else { return false };
                    star = Some((star_at, from + 1));
                    at = star_at + 1;
                    read = from + 1;
                }
            }
        }
        pattern[at..].iter().all(|rest| *rest == b'*')
    }

    /// Whether some name is of both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (left, right) = (self.0.as_bytes(), other.0.as_bytes());
        let literal = |bytes: &[u8]| bytes.iter().take_while(|byte| !matches!(byte, b'*' | b'#')).count();
        let shared = literal(left).min(literal(right));
        if left[..shared] != right[..shared] {
            return false;
        }
        // reachable[j]: the first i of the one and the first j of the other can be of the same text.
        let mut reachable = vec![false; right.len() + 1];
        for i in 0..=left.len() {
            let above = reachable.clone();
            for j in 0..=right.len() {
                let star_left = i > 0 && left[i - 1] == b'*';
                let star_right = j > 0 && right[j - 1] == b'*';
                let both = i > 0 && j > 0 && above[j - 1] && !star_left && !star_right && meet(left[i - 1], right[j - 1]);
                let skipped = (star_left && (above[j] || (j > 0 && reachable[j - 1])))
                    || (star_right && (reachable[j.saturating_sub(1)] && j > 0 || (i > 0 && above[j])));
                reachable[j] = (i == 0 && j == 0) || both || skipped;
            }
        }
        reachable[right.len()]
    }
}

fn one_matches(expected: u8, byte: u8) -> bool {
    expected == byte || (expected == b'#' && byte.is_ascii_digit())
}

/// Whether two characters of patterns can stand for the same one.
fn meet(left: u8, right: u8) -> bool {
    left == right || (left == b'#' && right.is_ascii_digit()) || (right == b'#' && left.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn stars_are_any_text_and_hashes_are_digits() {
        for (text, name, expected) in [
            ("gpt-5", "gpt-5", true),
            ("GPT-5", "gpt-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("gpt-5-####-##-##", "gpt-5-2025-08-07", true),
            ("gpt-5-####-##-##", "gpt-5-2025-8-7", false),
            ("*:free", "deepseek/deepseek-r1:free", true),
            ("*:free", ":free", true),
            ("a*b*c", "aXbbYc", true),
            ("a*b*c", "aXbbYcd", false),
            ("*", "", true),
            ("#", "", false),
        ] {
            assert_eq!(pattern(text).matches(name), expected, "{text} {name}");
        }
    }

    #[test]
    fn overlaps_are_found_both_ways() {
        for (left, right, expected) in [
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("gpt-5*", "gpt-5-mini", true),
            ("gpt-5-####", "gpt-5-mini", false),
            ("gpt-5-####", "gpt-5-20*", true),
            ("gpt-5-####", "gpt-5-20#", false),
            ("*:free", "deepseek/*", true),
            ("*:free", "deepseek/r1", false),
            ("a*c", "*b*", true),
            ("a*", "b*", false),
            ("*", "x", true),
            ("*a", "*b", false),
            ("x#", "x1", true),
        ] {
            assert_eq!(pattern(left).overlaps(&pattern(right)), expected, "{left} {right}");
            assert_eq!(pattern(right).overlaps(&pattern(left)), expected, "{right} {left}");
        }
    }

    #[test]
    fn other_kinds_of_patterns_are_refused() {
        for text in ["", "a b", "gpt-[45]", "gpt-?", "a**", "^gpt$", "(a|b)", "a\\d", "a\n"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        assert!(Pattern::parse(&"x".repeat(201)).is_err());
    }
}
