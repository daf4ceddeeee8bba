//! Weighted sums of standardised columns.

use serde::{Deserialize, Serialize};

use super::{Feature, FeatureKind, Link};

/// Outputs that are each a weighted sum of the standardised columns and an intercept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// How a row becomes the numbers that are weighted.
    pub(crate) columns: Vec<LinearColumn>,
    /// For each output, one weight per column.
    pub(crate) weights: Vec<Vec<f64>>,
    /// For each output.
    pub(crate) intercepts: Vec<f64>,
    pub(crate) link: Link,
}

/// One weighted column: a number or boolean, or the indicator of one level of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearColumn {
    pub(crate) feature: usize,
    /// The level indicated, for a text. A missing text is of no level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<u32>,
    pub(crate) mean: f64,
    pub(crate) scale: f64,
}

impl LinearColumn {
    /// The columns that features become, not yet standardised.
    pub(crate) fn expand(features: &[Feature]) -> Vec<Self> {
        let mut columns = Vec::new();
        for (feature, described) in features.iter().enumerate() {
            let column = |level| Self { feature, level, mean: 0.0, scale: 1.0 };
            match described.kind() {
                FeatureKind::Number | FeatureKind::Boolean => columns.push(column(None)),
                FeatureKind::Text { levels } => columns.extend((0..levels.len() as u32).map(|code| column(Some(code)))),
            }
        }
        columns
    }

    /// What a row's code of the feature becomes, given what replaces a missing one.
    pub(crate) fn value(&self, code: f64, fill: f64) -> f64 {
        let plain = match self.level {
            Some(level) => f64::from(u8::from(code == f64::from(level))),
            None if code.is_nan() => fill,
            None => code,
        };
        (plain - self.mean) / self.scale
    }
}

impl Linear {
    pub(crate) fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    pub(crate) fn link(&self) -> Link {
        self.link
    }

    pub(crate) fn raw(&self, row: &[f64], features: &[Feature]) -> Vec<f64> {
        let values: Vec<f64> = self
            .columns
            .iter()
            .map(|column| column.value(row[column.feature], features[column.feature].fill()))
            .collect();
        self.weights
            .iter()
            .zip(&self.intercepts)
            .map(|(weights, intercept)| intercept + weights.iter().zip(&values).map(|(w, v)| w * v).sum::<f64>())
            .collect()
    }

    pub(crate) fn check(&self, features: &[Feature]) -> Result<(), &'static str> {
        if self.intercepts.is_empty() || self.weights.len() != self.intercepts.len() {
            return Err("its weights do not fit its outputs");
        }
        if self.weights.iter().any(|weights| weights.len() != self.columns.len()) {
            return Err("its weights do not fit its columns");
        }
        if self.columns.iter().any(|column| column.feature >= features.len()) {
            return Err("it weighs a column that does not exist");
        }
        let sound = |column: &LinearColumn| column.mean.is_finite() && column.scale.is_finite() && column.scale > 0.0;
        if !self.columns.iter().all(sound) {
            return Err("a column's scale is not a positive number");
        }
        let finite = self.weights.iter().flatten().chain(&self.intercepts).all(|number| number.is_finite());
        if finite { Ok(()) } else { Err("a weight is not finite") }
    }
}
