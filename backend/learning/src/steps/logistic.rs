//! Logistic regression by `linfa-logistic`: a few optimiser iterations a step, each step starting from the last
//! one's weights. Without a stop rule its line search thrashes once there is nothing left to gain.

use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2, Axis, s};

use super::linear::Design;
use super::{Step, Stepper};
use crate::algorithm::Algorithm;
use crate::error::TrainError;
use crate::model::{Body, Linear, LinearColumn, Link};
use crate::params::Params;
use crate::scores::{self, Outputs};
use crate::split::Split;

const ITERATIONS_PER_STEP: usize = 5;
/// A step that lowers the objective by less than this share of it is the last.
const MIN_GAIN: f64 = 1e-4;

pub(super) struct Logistic<'a> {
    split: &'a Split,
    columns: Vec<LinearColumn>,
    data: DatasetBase<Array2<f64>, Array1<usize>>,
    test: Array2<f64>,
    alpha: f64,
    steps: usize,
    /// One row per column and a last one for the intercepts, one column per class.
    weights: Array2<f64>,
    objective: f64,
}

impl<'a> Logistic<'a> {
    pub(super) fn new(split: &'a Split, params: &Params) -> Result<Self, TrainError> {
        let Design { columns, train, test } = Design::new(split)?;
        let target = split.train.target.iter().map(|&class| class as usize).collect();
        Ok(Self {
            split,
            data: DatasetBase::new(train, target),
            test,
            alpha: params.real("alpha"),
            steps: params.count("max_iterations").div_ceil(ITERATIONS_PER_STEP),
            weights: Array2::zeros((columns.len() + 1, split.classes)),
            columns,
            objective: f64::INFINITY,
        })
    }

    fn loss(&self, rows: &Array2<f64>, target: &[f64]) -> f64 {
        let (slopes, intercepts) = self.parts();
        let raw = rows.dot(&slopes) + intercepts;
        let raw: Vec<f64> = raw.iter().copied().collect();
        scores::loss(self.split.task, &Outputs::from_raw(Link::Softmax, &raw, self.split.classes), target)
    }

    fn parts(&self) -> (ndarray::ArrayView2<'_, f64>, ndarray::ArrayView1<'_, f64>) {
        let last = self.columns.len();
        (self.weights.slice(s![..last, ..]), self.weights.index_axis(Axis(0), last))
    }
}

impl Stepper for Logistic<'_> {
    fn total(&self) -> u64 {
        self.steps as u64
    }

    fn step(&mut self) -> Result<Step, TrainError> {
        let fitted = MultiLogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(ITERATIONS_PER_STEP as u64)
            .initial_params(self.weights.clone())
            .fit(&self.data);
        let mut converged = false;
        match fitted {
            Ok(fitted) => {
                let last = self.columns.len();
                self.weights.slice_mut(s![..last, ..]).assign(fitted.params());
                self.weights.index_axis_mut(Axis(0), last).assign(fitted.intercept());
            }
            // A line search that finds no way down from where an earlier step went has arrived.
            Err(_) if self.objective.is_finite() => converged = true,
            Err(error) => return Err(TrainError::library(Algorithm::LogisticRegression, error)),
        }
        let train_loss = self.loss(self.data.records(), &self.split.train.target);
        let penalty = self.alpha / 2.0 * self.parts().0.iter().map(|weight| weight * weight).sum::<f64>();
        let objective = train_loss + penalty / self.split.train.rows as f64;
        converged |= self.objective - objective < MIN_GAIN * objective;
        self.objective = objective;
        let valid_loss = Some(self.loss(&self.test, &self.split.test.target));
        Ok(Step { train_loss, valid_loss, converged })
    }

    fn finish(self: Box<Self>) -> Result<Body, TrainError> {
        let (slopes, intercepts) = self.parts();
        let weights = slopes.columns().into_iter().map(|column| column.to_vec()).collect();
        let intercepts = intercepts.to_vec();
        Ok(Body::Linear(Linear { columns: self.columns, weights, intercepts, link: Link::Softmax }))
    }
}
