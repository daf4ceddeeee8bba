//! Elastic net by `linfa-elasticnet`: one call, one step; it is done before a second one could begin. The target is
//! standardised with the columns, so that a penalty means the same for every dataset.

use linfa::DatasetBase;
use linfa::traits::Fit as _;
use ndarray::{Array1, Array2};

use super::linear::Design;
use super::{Step, Stepper, mean_and_scale};
use crate::algorithm::Algorithm;
use crate::error::TrainError;
use crate::model::{Body, Linear, Link};
use crate::params::Params;
use crate::scores::{self, Outputs};
use crate::split::Split;

/// The duality gap, as a share of the target's sum of squares, at which the optimiser stops.
const TOLERANCE: f64 = 1e-5;

pub(super) struct ElasticNet<'a> {
    split: &'a Split,
    design: Design,
    alpha: f64,
    l1_ratio: f64,
    max_iterations: u32,
    weights: Array1<f64>,
    intercept: f64,
}

impl<'a> ElasticNet<'a> {
    pub(super) fn new(split: &'a Split, params: &Params) -> Result<Self, TrainError> {
        let design = Design::new(split)?;
        Ok(Self {
            split,
            weights: Array1::zeros(design.columns.len()),
            design,
            alpha: params.real("alpha"),
            l1_ratio: params.real("l1_ratio"),
            max_iterations: params.count("max_iterations") as u32,
            intercept: 0.0,
        })
    }

    fn loss(&self, rows: &Array2<f64>, target: &[f64]) -> f64 {
        let raw = (rows.dot(&self.weights) + self.intercept).to_vec();
        scores::loss(self.split.task, &Outputs::from_raw(Link::Identity, &raw, 1), target)
    }
}

impl Stepper for ElasticNet<'_> {
    fn total(&self) -> u64 {
        1
    }

    fn step(&mut self) -> Result<Step, TrainError> {
        let target = &self.split.train.target;
        let (mean, scale) = mean_and_scale(target.iter().copied());
        let standardised: Array1<f64> = target.iter().map(|value| (value - mean) / scale).collect();
        let fitted = linfa_elasticnet::ElasticNet::params()
            .penalty(self.alpha)
            .l1_ratio(self.l1_ratio)
            .max_iterations(self.max_iterations)
            .tolerance(TOLERANCE)
            .with_intercept(true)
            .fit(&DatasetBase::new(self.design.train.view(), standardised.view()))
            .map_err(|error| TrainError::library(Algorithm::ElasticNet, error))?;
        self.weights = fitted.hyperplane() * scale;
        self.intercept = fitted.intercept() * scale + mean;
        Ok(Step {
            train_loss: self.loss(&self.design.train, target),
            valid_loss: Some(self.loss(&self.design.test, &self.split.test.target)),
            converged: true,
        })
    }

    fn finish(self: Box<Self>) -> Result<Body, TrainError> {
        let Self { design, weights, intercept, .. } = *self;
        Ok(Body::Linear(Linear {
            columns: design.columns,
            weights: vec![weights.to_vec()],
            intercepts: vec![intercept],
            link: Link::Identity,
        }))
    }
}
