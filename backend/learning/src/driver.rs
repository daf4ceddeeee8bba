//! A run from file to model, in one thread and one loop: before each step it looks whether it should stop, after
//! each it reports.

use std::collections::BTreeMap;

use crate::algorithm::Task;
use crate::error::TrainError;
use crate::model::{Model, Outline};
use crate::params::Params;
use crate::protocol::{Spec, Summary};
use crate::scores::{self, Outputs};
use crate::split::Split;
use crate::steps;
use crate::table::{Request, Table};

/// The shares of the rows that may be held out.
const TEST_FRACTIONS: std::ops::RangeInclusive<f64> = 0.05..=0.5;

/// Why a run should end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A stop was asked for.
    Cancelled,
    /// The deadline has passed.
    TimedOut,
}

/// One step's report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done, from 1.
    pub iteration: u64,
    /// Steps at most.
    pub total: u64,
    /// Log loss, or root mean squared error, on the training rows.
    pub train_loss: f64,
    /// The same on the held-out rows.
    pub valid_loss: Option<f64>,
}

/// A finished run.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// Given, or inferred from the target.
    pub task: Task,
    /// Scores on the held-out rows.
    pub scores: BTreeMap<String, f64>,
    /// What it was learned from, and in how many steps.
    pub summary: Summary,
}

/// Trains what `spec` describes, here and now. Its paths for the model, memory limit and deadline are the
/// worker's affair; `should_stop` is asked before each step and while reading.
///
/// # Errors
/// Parameters or data that do not allow the run, or the stop that was asked for.
///
/// # Panics
/// Where a library does; that is what the child process is for.
pub fn train(
    spec: &Spec,
    should_stop: &dyn Fn() -> Option<Stop>,
    report: &mut dyn FnMut(Progress),
) -> Result<Trained, TrainError> {
    let checkpoint = || match should_stop() {
        None => Ok(()),
        Some(Stop::Cancelled) => Err(TrainError::Cancelled),
        Some(Stop::TimedOut) => Err(TrainError::TimedOut),
    };
    let params = Params::parse(spec.algorithm, &spec.params)?;
    if !TEST_FRACTIONS.contains(&spec.test_fraction) {
        return Err(TrainError::TestFraction(spec.test_fraction));
    }
    let request = Request {
        path: &spec.dataset_path,
        gzip: spec.gzip,
        target: &spec.target,
        task: spec.task,
        algorithm: spec.algorithm,
        max_rows: spec.max_rows,
    };
    let mut table = Table::load(request, &checkpoint)?;
    let split = Split::new(&mut table, spec.test_fraction, spec.seed);

    let mut stepper = steps::begin(&split, &params)?;
    let total = stepper.total();
    let mut iteration = 0;
    while iteration < total {
        checkpoint()?;
        let step = stepper.step()?;
        iteration += 1;
        if !step.train_loss.is_finite() {
            return Err(TrainError::Diverged(spec.algorithm));
        }
        report(Progress { iteration, total, train_loss: step.train_loss, valid_loss: step.valid_loss });
        if step.converged {
            break;
        }
    }
    let body = stepper.finish()?;

    let outline = Outline {
        algorithm: spec.algorithm,
        task: split.task,
        target: spec.target.clone(),
        classes: table.classes,
        features: split.features.clone(),
        ignored_columns: table.dropped.iter().map(|column| column.name.clone()).collect(),
    };
    let model = Model::new(outline, body)?;
    // Scored through the model's own way of predicting, so that the scores are those of the file.
    let codes = |row| (0..split.features.len()).map(|feature| split.test.code(row, feature)).collect::<Vec<_>>();
    let outputs = Outputs::from_rows((0..split.test.rows).map(|row| model.outputs(&codes(row))));
    let scores = scores::scores(split.task, &outputs, &split.test.target);
    if scores.values().any(|score| !score.is_finite()) {
        return Err(TrainError::Diverged(spec.algorithm));
    }
    Ok(Trained {
        model,
        task: split.task,
        scores,
        summary: Summary {
            rows_train: split.train.rows as u64,
            rows_test: split.test.rows as u64,
            rows_without_target: table.rows_without_target,
            clamped_values: table.clamped_values,
            dropped_columns: table.dropped,
            iterations: iteration,
        },
    })
}
