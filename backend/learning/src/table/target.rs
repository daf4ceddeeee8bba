//! The target column: what task it makes, and its classes.

use std::collections::HashMap;

use serde_json::Value;

use crate::algorithm::Task;
use crate::cell::{self, DecimalMark, MAX_MAGNITUDE};
use crate::error::TrainError;
use crate::profile::{ColumnKind, are_classes};

/// Most classes of a model.
const MAX_CLASSES: usize = 100;

/// Collects the target's values.
#[derive(Debug)]
pub(super) struct TargetBuilder {
    name: String,
    kind: ColumnKind,
    decimal_mark: DecimalMark,
    /// The numbers, or positions in `labels`.
    values: Vec<f64>,
    /// The distinct texts of a text column, up to one more than may be classes.
    labels: HashMap<Vec<u8>, usize>,
    missing: u64,
}

/// A complete target.
#[derive(Debug)]
pub(super) struct BuiltTarget {
    pub(super) task: Task,
    pub(super) values: Vec<f64>,
    pub(super) classes: Vec<Value>,
}

impl TargetBuilder {
    pub(super) fn new(name: &str, kind: ColumnKind, decimal_mark: DecimalMark) -> Self {
        Self { name: name.to_owned(), kind, decimal_mark, values: Vec::new(), labels: HashMap::new(), missing: 0 }
    }

    /// Takes a row's target; false where it is missing, and the row is to be left out.
    pub(super) fn push(&mut self, cell: &[u8]) -> bool {
        if cell::is_missing(cell) {
            self.missing += 1;
            return false;
        }
        let value = match self.kind {
            ColumnKind::Number | ColumnKind::Empty => cell::number_with(cell, self.decimal_mark).unwrap_or(f64::NAN),
            ColumnKind::Boolean => f64::from(u8::from(cell::boolean(cell) == Some(true))),
            ColumnKind::Text => match self.labels.get(cell) {
                Some(&label) => label as f64,
                None => {
                    // One too many is enough to know that there are too many.
                    let label = self.labels.len().min(MAX_CLASSES);
                    self.labels.insert(cell.to_vec(), label);
                    if self.labels.len() > MAX_CLASSES + 1 {
                        self.labels.remove(cell);
                    }
                    label as f64
                }
            },
        };
        self.values.push(value);
        true
    }

    pub(super) fn rows(&self) -> usize {
        self.values.len()
    }

    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    pub(super) fn finish(self, requested: Option<Task>) -> Result<BuiltTarget, TrainError> {
        let distinct = distinct_values(&self.values);
        let task = requested.unwrap_or_else(|| match (self.kind, &distinct) {
            (ColumnKind::Number, Some(distinct)) if looks_like_classes(distinct, self.values.len()) => {
                Task::Classification
            }
            (ColumnKind::Number, _) => Task::Regression,
            _ => Task::Classification,
        });
        match task {
            Task::Regression => self.finish_numbers(distinct.as_deref()),
            Task::Classification => match distinct {
                Some(values) if self.labels.len() <= MAX_CLASSES => self.finish_classes(&values),
                _ => Err(TrainError::TooManyClasses { target: self.name, max: MAX_CLASSES }),
            },
        }
    }

    fn finish_numbers(self, distinct: Option<&[f64]>) -> Result<BuiltTarget, TrainError> {
        if self.kind != ColumnKind::Number {
            return Err(TrainError::TargetNotNumeric(self.name));
        }
        // A feature would be clamped; of a clamped target the scores would lie.
        if self.values.iter().any(|value| value.abs() > MAX_MAGNITUDE) {
            return Err(TrainError::TargetTooLarge(self.name));
        }
        if distinct.is_some_and(|values| values.len() < 2) {
            return Err(TrainError::OneClass(self.name, "different numbers"));
        }
        Ok(BuiltTarget { task: Task::Regression, values: self.values, classes: Vec::new() })
    }

    fn finish_classes(self, distinct: &[f64]) -> Result<BuiltTarget, TrainError> {
        if distinct.len() < 2 {
            return Err(TrainError::OneClass(self.name, "classes"));
        }
        // Texts sort by their letters, numbers by value, false before true.
        let mut order: Vec<(String, f64)> = match self.kind {
            ColumnKind::Text => self
                .labels
                .iter()
                .map(|(text, &label)| (String::from_utf8_lossy(text).into_owned(), label as f64))
                .collect(),
            _ => distinct.iter().map(|&value| (String::new(), value)).collect(),
        };
        order.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let position: HashMap<u64, usize> =
            order.iter().enumerate().map(|(index, (_, value))| (value.to_bits(), index)).collect();
        let values: Vec<f64> = self.values.iter().map(|value| position[&canonical(*value).to_bits()] as f64).collect();
        let classes: Vec<Value> = order.into_iter().map(|(text, value)| class_value(self.kind, text, value)).collect();
        for (index, class) in classes.iter().enumerate() {
            let rows = values.iter().filter(|&&value| value == index as f64).count();
            if rows < 2 {
                let class = class.as_str().map_or_else(|| class.to_string(), str::to_owned);
                return Err(TrainError::ClassTooSmall { class, rows });
            }
        }
        Ok(BuiltTarget { task: Task::Classification, values, classes })
    }
}

/// The distinct values, sorted; none where they are more than can be classes.
fn distinct_values(values: &[f64]) -> Option<Vec<f64>> {
    let mut distinct: Vec<f64> = Vec::new();
    for &value in values {
        let value = canonical(value);
        if let Err(place) = distinct.binary_search_by(|known| known.total_cmp(&value)) {
            if distinct.len() > MAX_CLASSES {
                return None;
            }
            distinct.insert(place, value);
        }
    }
    (distinct.len() <= MAX_CLASSES).then_some(distinct)
}

/// One bit pattern for zero.
fn canonical(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// A few whole numbers that come again and again are treated as classes, unless the request names a task.
fn looks_like_classes(distinct: &[f64], rows: usize) -> bool {
    are_classes(distinct.len(), rows) && distinct.iter().all(|value| value.fract() == 0.0)
}

fn class_value(kind: ColumnKind, text: String, value: f64) -> Value {
    /// Whole numbers up to here are exact in JSON and in `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match kind {
        ColumnKind::Text => Value::from(text),
        ColumnKind::Boolean => Value::from(value == 1.0),
        _ if value.fract() == 0.0 && value.abs() < EXACT => Value::from(value as i64),
        _ => Value::from(value),
    }
}
