//! Random forests by `smartcore`: one tree a step, by asking for forests of one tree with a new seed each.
//!
//! Its classifier takes time quadratic in the rows, so classes are learned by its regressor, which is as good: a
//! tree of zeros and ones predicts a probability. More than two classes are one tree each, against the rest.

use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::{Step, Stepper};
use crate::algorithm::{Algorithm, Task};
use crate::error::TrainError;
use crate::model::{Body, Ensemble, Link, Tree, TreeSplit};
use crate::params::Params;
use crate::scores::{self, Outputs};
use crate::split::Split;

pub(super) struct Forest<'a> {
    split: &'a Split,
    n_trees: usize,
    parameters: RandomForestRegressorParameters,
    matrix: DenseMatrix<f64>,
    /// What each output learns.
    targets: Vec<Vec<f64>>,
    link: Link,
    trees: Vec<Tree>,
    train: Sums,
    test: Sums,
}

/// Codes without missing ones, and what the trees so far add up to.
struct Sums {
    rows: usize,
    codes: Vec<f64>,
    /// One number per output, row by row.
    raw: Vec<f64>,
}

impl<'a> Forest<'a> {
    pub(super) fn new(split: &'a Split, params: &Params) -> Result<Self, TrainError> {
        let target = &split.train.target;
        let against_rest =
            |class: usize| target.iter().map(|&value| f64::from(u8::from(value == class as f64))).collect::<Vec<f64>>();
        let (link, targets) = match (split.task, split.classes) {
            (Task::Regression, _) => (Link::Identity, vec![target.clone()]),
            (Task::Classification, 2) => (Link::Probability, vec![target.clone()]),
            (Task::Classification, classes) => (Link::Shares, (0..classes).map(against_rest).collect()),
        };
        let sums = |part: &crate::split::Part| Sums {
            rows: part.rows,
            codes: part.filled_codes(&split.features),
            raw: vec![0.0; part.rows * targets.len()],
        };
        let (train, test) = (sums(&split.train), sums(&split.test));
        let matrix = DenseMatrix::new(train.rows, split.features.len(), train.codes.clone(), true)
            .map_err(|error| TrainError::library(Algorithm::RandomForest, error))?;
        let parameters = RandomForestRegressorParameters::default()
            .with_n_trees(1)
            .with_max_depth(params.count("max_depth") as u16)
            .with_min_samples_leaf(params.count("min_samples_leaf"))
            .with_m(columns_per_split(split, params.real("feature_fraction")));
        let n_trees = params.count("n_trees");
        Ok(Self { split, n_trees, parameters, matrix, targets, link, trees: Vec::new(), train, test })
    }

    fn loss(&self, sums: &Sums, target: &[f64]) -> f64 {
        let outputs = self.targets.len();
        let grown = (self.trees.len() / outputs) as f64;
        let means: Vec<f64> = sums.raw.iter().map(|sum| sum / grown).collect();
        scores::loss(self.split.task, &Outputs::from_raw(self.link, &means, outputs), target)
    }
}

/// The usual share where none is given: the square root of the columns for classes, a third for numbers.
fn columns_per_split(split: &Split, fraction: f64) -> usize {
    let columns = split.features.len();
    let wanted = match split.task {
        _ if fraction > 0.0 => columns as f64 * fraction,
        Task::Classification => (columns as f64).sqrt(),
        Task::Regression => columns as f64 / 3.0,
    };
    (wanted.round() as usize).clamp(1, columns)
}

impl Stepper for Forest<'_> {
    fn total(&self) -> u64 {
        self.n_trees as u64
    }

    fn step(&mut self) -> Result<Step, TrainError> {
        let outputs = self.targets.len();
        let round = (self.trees.len() / outputs) as u64;
        // The same seed for every class of a round: their trees then see the same rows.
        let seed = self.split.seed.wrapping_mul(1_000_003).wrapping_add(round);
        for (output, target) in self.targets.iter().enumerate() {
            let parameters = self.parameters.clone().with_seed(seed);
            let fitted = RandomForestRegressor::fit(&self.matrix, target, parameters)
                .map_err(|error| TrainError::library(Algorithm::RandomForest, error))?;
            let tree = convert(&fitted).map_err(|reason| TrainError::library(Algorithm::RandomForest, reason))?;
            for sums in [&mut self.train, &mut self.test] {
                let Sums { rows, codes, raw } = sums;
                for (row, raw) in raw.iter_mut().skip(output).step_by(outputs).enumerate() {
                    *raw += tree.predict(|feature| codes[feature * *rows + row]);
                }
            }
            self.trees.push(tree);
        }
        Ok(Step {
            train_loss: self.loss(&self.train, &self.split.train.target),
            valid_loss: Some(self.loss(&self.test, &self.split.test.target)),
            converged: false,
        })
    }

    fn finish(self: Box<Self>) -> Result<Body, TrainError> {
        let Self { targets, link, trees, .. } = *self;
        Ok(Body::Trees(Ensemble { base: vec![0.0; targets.len()], mean: true, fill_missing: true, link, trees }))
    }
}

/// The library keeps its nodes to itself, but serialises them: this is the part of that form we read.
#[derive(Deserialize)]
struct Fitted {
    forest_regressor: Trees,
}

#[derive(Deserialize)]
struct Trees {
    trees: Vec<Grown>,
}

#[derive(Deserialize)]
struct Grown {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

fn convert(fitted: &RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>) -> Result<Tree, serde_json::Error> {
    let fitted: Fitted = serde_json::from_slice(&serde_json::to_vec(fitted)?)?;
    let mut tree = Tree::default();
    for node in fitted.forest_regressor.trees.iter().flat_map(|tree| &tree.nodes) {
        match (node.split_value, node.true_child, node.false_child) {
            (Some(value), Some(left), Some(right)) => tree.push_split(TreeSplit {
                feature: node.split_feature,
                // The library sends a value that equals the split left, our trees send it right.
                threshold: value.next_up(),
                left,
                right,
                missing: left,
            }),
            _ => tree.push_leaf(node.output),
        }
    }
    Ok(tree)
}
