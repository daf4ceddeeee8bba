//! What the linear algorithms share: texts spread over indicator columns, everything standardised.

use ndarray::Array2;

use super::mean_and_scale;
use crate::error::TrainError;
use crate::model::{Feature, LinearColumn};
use crate::split::{Part, Split};

/// Columns after spreading; the matrix of so many, with a few thousand rows, is already large.
const MAX_COLUMNS: usize = 5_000;

/// Both parts of the data as matrices of standardised columns.
pub(super) struct Design {
    pub(super) columns: Vec<LinearColumn>,
    pub(super) train: Array2<f64>,
    pub(super) test: Array2<f64>,
}

impl Design {
    /// Means and scales are those of the training rows.
    pub(super) fn new(split: &Split) -> Result<Self, TrainError> {
        let mut columns = LinearColumn::expand(&split.features);
        if columns.len() > MAX_COLUMNS {
            return Err(TrainError::TooWide { found: columns.len(), max: MAX_COLUMNS });
        }
        for column in &mut columns {
            let fill = split.features[column.feature].fill();
            let plain = column.clone();
            let values = (0..split.train.rows).map(|row| plain.value(split.train.code(row, plain.feature), fill));
            (column.mean, column.scale) = mean_and_scale(values);
        }
        let train = matrix(&columns, &split.features, &split.train);
        let test = matrix(&columns, &split.features, &split.test);
        Ok(Self { columns, train, test })
    }
}

fn matrix(columns: &[LinearColumn], features: &[Feature], part: &Part) -> Array2<f64> {
    Array2::from_shape_fn((part.rows, columns.len()), |(row, column)| {
        let column = &columns[column];
        column.value(part.code(row, column.feature), features[column.feature].fill())
    })
}
