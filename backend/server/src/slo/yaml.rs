//! Texts as YAML has them.

/// Between single quotes, in which nothing but a quote is special.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
