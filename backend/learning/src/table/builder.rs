//! One feature column while its cells are encoded.

use std::collections::HashMap;

use super::{Built, MAX_LEVELS};
use crate::cell::{self, DecimalMark};
use crate::model::{Feature, FeatureKind, clamp};
use crate::profile::ColumnKind;
use crate::protocol::DropReason;

/// Collects the codes of a column whose kind is known.
#[derive(Debug)]
pub(super) enum ColumnBuilder {
    Empty,
    Number {
        decimal_mark: DecimalMark,
        codes: Vec<f64>,
        clamped: u64,
    },
    Boolean {
        codes: Vec<f64>,
    },
    Text {
        codes: Vec<f64>,
        levels: HashMap<Vec<u8>, usize>,
    },
    /// A text column that turned out to have too many levels.
    Overflown,
}

/// A column fit to learn from.
#[derive(Debug)]
pub(super) struct BuiltColumn {
    pub(super) feature: Feature,
    pub(super) codes: Vec<f64>,
    pub(super) clamped: u64,
}

impl ColumnBuilder {
    pub(super) fn new(kind: ColumnKind, decimal_mark: DecimalMark) -> Self {
        match kind {
            ColumnKind::Empty => Self::Empty,
            ColumnKind::Number => Self::Number { decimal_mark, codes: Vec::new(), clamped: 0 },
            ColumnKind::Boolean => Self::Boolean { codes: Vec::new() },
            ColumnKind::Text => Self::Text { codes: Vec::new(), levels: HashMap::new() },
        }
    }

    pub(super) fn push(&mut self, cell: &[u8]) {
        match self {
            Self::Empty | Self::Overflown => {}
            Self::Number { decimal_mark, codes, clamped } => {
                let value = if cell::is_missing(cell) { None } else { cell::number_with(cell, *decimal_mark) };
                let bounded = value.map_or(f64::NAN, clamp);
                *clamped += u64::from(value.is_some_and(|value| value != bounded));
                codes.push(bounded);
            }
            Self::Boolean { codes } => {
                codes.push(cell::boolean(cell).map_or(f64::NAN, |truth| f64::from(u8::from(truth))));
            }
            Self::Text { codes, .. } if cell::is_missing(cell) => codes.push(f64::NAN),
            Self::Text { codes, levels } => {
                let next = levels.len();
                let code = match levels.get(cell) {
                    Some(&code) => code,
                    None if next == MAX_LEVELS => {
                        *self = Self::Overflown;
                        return;
                    }
                    None => *levels.entry(cell.to_vec()).or_insert(next),
                };
                codes.push(code as f64);
            }
        }
    }

    pub(super) fn finish(self, name: String) -> Built {
        let (codes, kind, clamped) = match self {
            Self::Empty => return Err(DropReason::AllMissing),
            Self::Overflown => return Err(DropReason::TooManyLevels),
            Self::Number { codes, clamped, .. } => (codes, FeatureKind::Number, clamped),
            Self::Boolean { codes } => (codes, FeatureKind::Boolean, 0),
            Self::Text { codes, levels } => {
                let (levels, codes) = sort_levels(levels, codes);
                (codes, FeatureKind::Text { levels }, 0)
            }
        };
        let mut present = codes.iter().filter(|code| !code.is_nan());
        let Some(first) = present.next() else { return Err(DropReason::AllMissing) };
        if present.all(|code| code == first) && !codes.iter().any(|code| code.is_nan()) {
            return Err(DropReason::Constant);
        }
        // The replacement for missing values is set from the training rows alone, once they are chosen.
        Ok(BuiltColumn { feature: Feature::new(name, kind, 0.0), codes, clamped })
    }
}

/// Numbers the levels in their sorted order, so that the codes do not depend on the order of the rows.
fn sort_levels(levels: HashMap<Vec<u8>, usize>, mut codes: Vec<f64>) -> (Vec<String>, Vec<f64>) {
    let mut sorted: Vec<(String, usize)> =
        levels.into_iter().map(|(level, code)| (String::from_utf8_lossy(&level).into_owned(), code)).collect();
    sorted.sort();
    let mut rank = vec![0.0; sorted.len()];
    for (position, (_, code)) in sorted.iter().enumerate() {
        rank[*code] = position as f64;
    }
    for code in codes.iter_mut().filter(|code| !code.is_nan()) {
        *code = rank[*code as usize];
    }
    (sorted.into_iter().map(|(level, _)| level).collect(), codes)
}
