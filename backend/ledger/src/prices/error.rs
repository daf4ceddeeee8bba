//! Why a text is not a price file.

/// Why a text is not a price file: the row, what was found and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {found}, expected {expected}")]
pub struct PriceFileError {
    /// The row, such as `model "openai/gpt-5", price 2`, or the line where the text is not TOML.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What is expected there.
    pub expected: String,
}

impl PriceFileError {
    pub(crate) fn new(place: &str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: place.to_owned(), found: found.into(), expected: expected.into() }
    }
}
