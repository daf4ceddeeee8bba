//! Price files of others as ours.

mod keys;
mod litellm;
mod toml_text;

pub use litellm::import_litellm;

/// A price file of ours, made of another's, and what could not be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The text of a price file, which [`Prices::parse`](crate::Prices::parse) accepts. It has the rules of what is free of
    /// the bundled file too, since it is used in its place.
    pub toml: String,
    /// Models taken over.
    pub models: usize,
    /// What was left out and why, one sentence each, those about models in the order of the file.
    pub notes: Vec<String>,
}

/// Why a text could not be imported at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {found}, expected {expected}")]
pub struct ImportError {
    /// The file, or the date.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// What is expected.
    pub expected: String,
}
