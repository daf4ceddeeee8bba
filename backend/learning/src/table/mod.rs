//! A table read in order to learn from it: encoded, validated once, so that no library gets data it cannot handle.
//!
//! The file is read twice: the first pass is the profiler's and settles every column's kind over all rows, the
//! second encodes, already knowing what to expect. Texts are never all in memory.

mod builder;
mod source;
mod target;

use std::path::Path;

use serde_json::Value;

use crate::algorithm::{Algorithm, Task};
pub(crate) use crate::cell::MAX_LEVELS;
use crate::error::TrainError;
use crate::excerpt::excerpt;
use crate::model::Feature;
use crate::profile::{Column, ColumnKind, Profile};
use crate::protocol::{DropReason, DroppedColumn};
use builder::ColumnBuilder;
use target::TargetBuilder;

/// Rows with a target that a run needs.
const MIN_ROWS: usize = 10;

/// What to read, and as what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) path: &'a Path,
    pub(crate) gzip: bool,
    pub(crate) target: &'a str,
    pub(crate) task: Option<Task>,
    pub(crate) algorithm: Algorithm,
    pub(crate) max_rows: u64,
}

/// A validated table: every code is finite and bounded, or NaN for missing, and the target is complete.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) task: Task,
    pub(crate) features: Vec<Feature>,
    /// One list of codes per feature.
    pub(crate) columns: Vec<Vec<f64>>,
    /// Numbers to predict, or positions in `classes`.
    pub(crate) target: Vec<f64>,
    /// Empty for regression.
    pub(crate) classes: Vec<Value>,
    pub(crate) dropped: Vec<DroppedColumn>,
    pub(crate) rows_without_target: u64,
    pub(crate) clamped_values: u64,
}

/// Called now and then while reading; an error ends the reading.
pub(crate) type Checkpoint<'a> = &'a dyn Fn() -> Result<(), TrainError>;

impl Table {
    pub(crate) fn load(request: Request<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, TrainError> {
        let profile = source::profile(request, checkpoint)?;
        if profile.rows > request.max_rows {
            return Err(TrainError::TooManyRows { found: profile.rows, max: request.max_rows });
        }
        let target_index = find_target(&profile, request.target)?;
        let target_column = &profile.columns[target_index];
        let mut target = TargetBuilder::new(request.target, target_column.kind, target_column.decimal_mark);
        let builder = |column: &Column| ColumnBuilder::new(column.kind, column.decimal_mark);
        let columns = profile.columns.iter().enumerate();
        let mut builders: Vec<Option<ColumnBuilder>> =
            columns.map(|(index, column)| (index != target_index).then(|| builder(column))).collect();
        source::for_each_record(request, checkpoint, |record| {
            if target.push(record.get(target_index).unwrap_or_default().trim_ascii()) {
                for (builder, cell) in builders.iter_mut().zip(record) {
                    if let Some(builder) = builder {
                        builder.push(cell.trim_ascii());
                    }
                }
            }
        })?;

        let rows = target.rows();
        if rows < MIN_ROWS {
            return Err(TrainError::TooFewRows { found: rows, min: MIN_ROWS });
        }
        let rows_without_target = target.missing();
        let target = target.finish(request.task)?;
        if !request.algorithm.supports(target.task) {
            return Err(TrainError::TaskUnsupported {
                algorithm: request.algorithm,
                task: target.task,
                target: request.target.to_owned(),
            });
        }

        let mut table = Self {
            task: target.task,
            features: Vec::new(),
            columns: Vec::new(),
            target: target.values,
            classes: target.classes,
            dropped: Vec::new(),
            rows_without_target,
            clamped_values: 0,
        };
        for (builder, column) in builders.into_iter().zip(profile.columns) {
            match builder.map(|builder| builder.finish(column.name.clone())) {
                None => {}
                Some(Ok(built)) => {
                    table.clamped_values += built.clamped;
                    table.features.push(built.feature);
                    table.columns.push(built.codes);
                }
                Some(Err(reason)) => table.dropped.push(DroppedColumn { name: column.name, reason }),
            }
        }
        if table.features.is_empty() {
            return Err(TrainError::NoFeatures);
        }
        Ok(table)
    }

    pub(crate) fn rows(&self) -> usize {
        self.target.len()
    }
}

fn find_target(profile: &Profile, target: &str) -> Result<usize, TrainError> {
    const SHOWN: usize = 20;
    let index = profile.columns.iter().position(|column| column.name == target).ok_or_else(|| {
        let columns = profile.columns.iter().take(SHOWN).map(|column| format!("`{}`", excerpt(&column.name))).collect();
        TrainError::TargetMissing { target: target.to_owned(), columns }
    })?;
    match profile.columns[index].kind {
        ColumnKind::Empty => Err(TrainError::TargetEmpty(target.to_owned())),
        _ => Ok(index),
    }
}

/// A column that was encoded, or the reason why it was not.
type Built = Result<builder::BuiltColumn, DropReason>;
