//! A run from file to model, in one thread and one loop: before each step it checks whether to stop, after each step it
//! reports progress.

use crate::error::TrainError;
use crate::model::{Model, ModelMetadata};
use crate::params::Params;
use crate::protocol::{ChildSpec, TEST_FRACTIONS, TrainingResult, TrainingSummary};
use crate::scores::{self, Outputs};
use crate::split::Split;
use crate::steps;
use crate::table::{Request, Table};

/// Why a run should stop before it is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A stop was requested.
    Cancelled,
    /// The deadline has passed.
    TimedOut,
}

/// The progress after one step.
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
    /// Its task and scores, and what it was learned from.
    pub result: TrainingResult,
}

/// Trains what `spec` describes in the calling thread. Writing the model, the memory limit and the deadline are left to
/// [`crate::worker`]; `should_stop` is called before each step and while reading.
///
/// # Errors
/// Parameters or data that do not allow the run, or the stop that was requested.
///
/// # Panics
/// Where a library does, which is why a server trains in a child process.
pub fn train(
    spec: &ChildSpec,
    should_stop: &dyn Fn() -> Option<StopReason>,
    report: &mut dyn FnMut(Progress),
) -> Result<Trained, TrainError> {
    let checkpoint = || match should_stop() {
        None => Ok(()),
        Some(StopReason::Cancelled) => Err(TrainError::Cancelled),
        Some(StopReason::TimedOut) => Err(TrainError::TimedOut),
    };
    let run = &spec.run;
    let params = Params::parse(run.algorithm, &run.params)?;
    if !TEST_FRACTIONS.contains(&run.test_fraction) {
        return Err(TrainError::TestFraction(run.test_fraction));
    }
    let request = Request {
        path: &spec.dataset_path,
        gzip: spec.gzip,
        target: &run.target,
        task: run.task,
        algorithm: run.algorithm,
        max_rows: spec.max_rows,
    };
    let mut table = Table::load(request, &checkpoint)?;
    let split = Split::new(&mut table, run.test_fraction, run.seed);

    let mut stepper = steps::begin(&split, &params)?;
    let total = stepper.total();
    let mut iteration = 0;
    while iteration < total {
        checkpoint()?;
        let step = stepper.step()?;
        iteration += 1;
        if !step.train_loss.is_finite() {
            return Err(TrainError::Diverged(run.algorithm));
        }
        report(Progress { iteration, total, train_loss: step.train_loss, valid_loss: step.valid_loss });
        if step.converged {
            break;
        }
    }
    let body = stepper.finish()?;

    let metadata = ModelMetadata {
        algorithm: run.algorithm,
        task: split.task,
        target: run.target.clone(),
        classes: table.classes,
        features: split.features.clone(),
        ignored_columns: table.dropped.iter().map(|column| column.name.clone()).collect(),
    };
    let model = Model::new(metadata, body)?;
    // Scored through the same code that predicts later, so that the scores hold for the model file.
    let codes = |row| (0..split.features.len()).map(|feature| split.test.code(row, feature)).collect::<Vec<_>>();
    let outputs = Outputs::from_rows((0..split.test.rows).map(|row| model.outputs(&codes(row))));
    let scores = scores::scores(split.task, &outputs, &split.test.target);
    if scores.values().any(|score| !score.is_finite()) {
        return Err(TrainError::Diverged(run.algorithm));
    }
    let summary = TrainingSummary {
        rows_train: split.train.rows as u64,
        rows_test: split.test.rows as u64,
        rows_without_target: table.rows_without_target,
        clamped_values: table.clamped_values,
        dropped_columns: table.dropped,
        iterations: iteration,
    };
    Ok(Trained { model, result: TrainingResult { task: split.task, scores, summary } })
}
