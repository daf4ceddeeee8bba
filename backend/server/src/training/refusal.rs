//! Answers to requests that do not fit what a run or a model expects.

use serde_json::{Map, Value};

use crate::error::Error;

/// 422 with these details.
pub fn invalid<const N: usize>(code: &'static str, detail: String, extras: [(&str, Value); N]) -> Error {
    let extras = extras.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>();
    Error::Invalid { code, detail, extras }
}
