//! Training in steps: between two of them a run can be stopped, timed out and reported on.

mod boosting;
mod elastic_net;
mod fake;
mod forest;
mod linear;
mod logistic;

use crate::algorithm::Algorithm;
use crate::error::TrainError;
use crate::model::Body;
use crate::params::Params;
use crate::split::Split;

/// What one step achieved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Log loss, or root mean squared error, on the training rows.
    pub(crate) train_loss: f64,
    /// The same on the held-out rows, which no step learns from.
    pub(crate) valid_loss: Option<f64>,
    /// Whether there is nothing left to gain.
    pub(crate) converged: bool,
}

/// An algorithm in the middle of its work.
pub(crate) trait Stepper {
    /// Steps at most.
    fn total(&self) -> u64;

    /// Does the next one.
    fn step(&mut self) -> Result<Step, TrainError>;

    /// What was learned. At least one step was done.
    fn finish(self: Box<Self>) -> Result<Body, TrainError>;
}

/// Sets an algorithm up on the data.
pub(crate) fn begin<'a>(split: &'a Split, params: &Params) -> Result<Box<dyn Stepper + 'a>, TrainError> {
    Ok(match params.algorithm() {
        Algorithm::GradientBoosting => Box::new(boosting::Boosting::new(split, params)?),
        Algorithm::RandomForest => Box::new(forest::Forest::new(split, params)?),
        Algorithm::LogisticRegression => Box::new(logistic::Logistic::new(split, params)?),
        Algorithm::ElasticNet => Box::new(elastic_net::ElasticNet::new(split, params)?),
        Algorithm::Fake => Box::new(fake::Fake::new(split, params)),
    })
}

/// Mean and standard deviation; the latter 1 where it would be 0, so that it can be divided by.
pub(crate) fn mean_and_scale(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let scale = variance.sqrt();
    (mean, if scale > 0.0 { scale } else { 1.0 })
}
