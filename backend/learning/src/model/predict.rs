//! Predicting rows of JSON: their columns are checked by name and type before anything is computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Body, Feature, FeatureKind, Link, Model, clamp};
use crate::cell;
use crate::excerpt::excerpt;

/// What a model predicts for some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// One class or number a row.
    pub predictions: Vec<Value>,
    /// For classification, the probability of each class by name, one map a row.
    pub probabilities: Option<Vec<BTreeMap<String, f64>>>,
}

/// Why rows cannot be predicted. Rows are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// There are no rows.
    #[error("there are no rows to predict")]
    NoRows,
    /// A row lacks columns. A value that is not known is `null`, never absent.
    #[error("row {row} lacks {}; give null for a value that is not known", quoted(columns))]
    MissingColumns {
        /// The row.
        row: usize,
        /// The columns it lacks.
        columns: Vec<String>,
    },
    /// A row has columns the training table had not.
    #[error("row {row} has {}, which the training data had not; expected {}", quoted(columns), quoted(expected))]
    UnexpectedColumns {
        /// The row.
        row: usize,
        /// The columns it should not have.
        columns: Vec<String>,
        /// The columns it should have.
        expected: Vec<String>,
    },
    /// A value is of another type than the column.
    #[error("row {row}, column `{}`: found {found}, expected {expected}", excerpt(column))]
    WrongType {
        /// The row.
        row: usize,
        /// The column.
        column: String,
        /// What the value is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl PredictError {
    /// A stable name for the kind of error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRows => "no_rows",
            Self::MissingColumns { .. } => "missing_columns",
            Self::UnexpectedColumns { .. } => "unexpected_columns",
            Self::WrongType { .. } => "wrong_type",
        }
    }
}

impl Model {
    /// Predicts rows given as JSON objects by column name.
    ///
    /// A row must have every feature, may have the target and the columns training ignored, and nothing else.
    /// `null`, a missing-value text and a text not seen in training all count as missing.
    ///
    /// # Errors
    /// The first row that does not fit, and what about it.
    pub fn predict(&self, rows: &[Map<String, Value>]) -> Result<Predictions, PredictError> {
        if rows.is_empty() {
            return Err(PredictError::NoRows);
        }
        let encoded: Vec<Vec<f64>> =
            rows.iter().enumerate().map(|(index, row)| self.encode(index + 1, row)).collect::<Result<_, _>>()?;
        let outputs = encoded.iter().map(|row| self.outputs(row));
        if self.classes.is_empty() {
            let predictions = outputs.map(|output| Value::from(output[0])).collect();
            return Ok(Predictions { predictions, probabilities: None });
        }
        let names: Vec<String> = self.classes.iter().map(class_name).collect();
        let (mut predictions, mut probabilities) = (Vec::new(), Vec::new());
        for output in outputs {
            predictions.push(self.classes[most_probable(&output)].clone());
            probabilities.push(names.iter().cloned().zip(output).collect());
        }
        Ok(Predictions { predictions, probabilities: Some(probabilities) })
    }

    /// The probabilities of the classes, or the one number predicted, for a row of feature codes with NaN for
    /// missing.
    pub(crate) fn outputs(&self, row: &[f64]) -> Vec<f64> {
        let (link, raw) = match &self.body {
            Body::Trees(ensemble) if ensemble.fill_missing => {
                let filled: Vec<f64> = row.iter().zip(&self.features).map(fill).collect();
                (ensemble.link, ensemble.raw(&filled))
            }
            Body::Trees(ensemble) => (ensemble.link, ensemble.raw(row)),
            Body::Linear(linear) => (linear.link, linear.raw(row, &self.features)),
        };
        let mut outputs = Vec::with_capacity(raw.len() + 1);
        link.apply(&raw, &mut outputs);
        outputs
    }

    fn encode(&self, number: usize, row: &Map<String, Value>) -> Result<Vec<f64>, PredictError> {
        let lacking: Vec<String> = self
            .features
            .iter()
            .map(Feature::name)
            .filter(|name| !row.contains_key(*name))
            .map(str::to_owned)
            .collect();
        if !lacking.is_empty() {
            return Err(PredictError::MissingColumns { row: number, columns: lacking });
        }
        let known = |name: &str| {
            name == self.target
                || self.features.iter().any(|feature| feature.name() == name)
                || self.ignored_columns.iter().any(|ignored| ignored == name)
        };
        // A row with nothing but features, the common case, needs no search.
        if row.len() > self.features.len() {
            let surplus: Vec<String> = row.keys().filter(|name| !known(name)).cloned().collect();
            if !surplus.is_empty() {
                let expected = self.features.iter().map(|feature| feature.name().to_owned()).collect();
                return Err(PredictError::UnexpectedColumns { row: number, columns: surplus, expected });
            }
        }
        self.features.iter().map(|feature| encode_value(feature, &row[feature.name()], number)).collect()
    }
}

fn fill((code, feature): (&f64, &Feature)) -> f64 {
    if code.is_nan() { feature.fill() } else { *code }
}

fn encode_value(feature: &Feature, value: &Value, row: usize) -> Result<f64, PredictError> {
    let wrong =
        |expected| PredictError::WrongType { row, column: feature.name().to_owned(), found: describe(value), expected };
    let text = value.as_str().map(str::trim);
    if value.is_null() || text.is_some_and(|text| cell::is_missing(text.as_bytes())) {
        return Ok(f64::NAN);
    }
    match feature.kind() {
        FeatureKind::Number => value.as_f64().map(clamp).ok_or_else(|| wrong("a number or null")),
        FeatureKind::Boolean => value
            .as_bool()
            .or_else(|| cell::boolean(text?.as_bytes()))
            .map(|truth| f64::from(u8::from(truth)))
            .ok_or_else(|| wrong("a boolean or null")),
        FeatureKind::Text { levels } => {
            text.map(|text| Feature::level_code(levels, text)).ok_or_else(|| wrong("a string or null"))
        }
    }
}

impl Link {
    /// Appends to `out` the class probabilities that one row's raw outputs mean, or the one number.
    pub(crate) fn apply(self, raw: &[f64], out: &mut Vec<f64>) {
        let start = out.len();
        match self {
            Self::Identity => out.push(raw[0]),
            Self::Logistic => {
                let second = 1.0 / (1.0 + (-raw[0]).exp());
                out.extend([1.0 - second, second]);
            }
            Self::Probability => {
                let second = raw[0].clamp(0.0, 1.0);
                out.extend([1.0 - second, second]);
            }
            Self::Softmax => {
                let greatest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                out.extend(raw.iter().map(|output| (output - greatest).exp()));
                normalise(&mut out[start..]);
            }
            Self::Shares => {
                out.extend(raw.iter().map(|output| output.max(0.0)));
                normalise(&mut out[start..]);
            }
        }
    }
}

/// Shares that are all zero make every class equally probable.
fn normalise(shares: &mut [f64]) {
    let sum: f64 = shares.iter().sum();
    let equal = 1.0 / shares.len() as f64;
    shares.iter_mut().for_each(|share| *share = if sum > 0.0 { *share / sum } else { equal });
}

/// The index of the greatest probability, the first where several are equal.
pub(crate) fn most_probable(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (index, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = index;
        }
    }
    best
}

fn class_name(class: &Value) -> String {
    class.as_str().map_or_else(|| class.to_string(), str::to_owned)
}

fn describe(value: &Value) -> String {
    match value {
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => scalar.to_string(),
    }
}

fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{}`", excerpt(name))).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
