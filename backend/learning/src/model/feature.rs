//! One column a model learns from, and how its cells become numbers.

use serde::{Deserialize, Serialize};

use crate::cell::MAX_MAGNITUDE;

/// A column a model learns from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    name: String,
    #[serde(flatten)]
    kind: FeatureKind,
    /// Takes the place of a missing value where an algorithm knows none: the median, or the most frequent code.
    fill: f64,
}

/// How a column's values become numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeatureKind {
    /// The number itself, with its magnitude bounded.
    Number,
    /// 0 for false, 1 for true.
    Boolean,
    /// The position among the levels.
    Text {
        /// The values seen in training, sorted.
        levels: Vec<String>,
    },
}

impl Feature {
    pub(crate) fn new(name: String, kind: FeatureKind, fill: f64) -> Self {
        Self { name, kind, fill }
    }

    pub(crate) fn shrink(&mut self) {
        if let FeatureKind::Text { levels } = &mut self.kind {
            levels.shrink_to_fit();
        }
    }

    /// Bytes of memory that its levels take, each with the allocator's header.
    pub(crate) fn memory_bytes(&self) -> usize {
        let FeatureKind::Text { levels } = &self.kind else { return size_of::<Self>() };
        let texts: usize = levels.iter().map(|level| size_of::<String>() + (level.len() + 16).max(32)).sum();
        size_of::<Self>() + texts
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its values become numbers.
    pub fn kind(&self) -> &FeatureKind {
        &self.kind
    }

    pub(crate) fn fill(&self) -> f64 {
        self.fill
    }

    pub(crate) fn set_fill(&mut self, fill: f64) {
        self.fill = fill;
    }

    /// The code of a text, NaN where it was not seen in training.
    pub(crate) fn level_code(levels: &[String], text: &str) -> f64 {
        levels.binary_search_by(|level| level.as_str().cmp(text)).map_or(f64::NAN, |code| code as f64)
    }
}

/// Bounds a value's magnitude.
pub(crate) fn clamp(value: f64) -> f64 {
    value.clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE)
}
