//! Gradient boosting by `forust-ml`: its binning and its tree growing, driven from here one round at a time, which
//! gives a loss and a chance to stop after each. Trees grow level by level; best-first growth scored worse.
//!
//! The library has a logistic and a squared loss; the softmax for more than two classes is ours, one tree per class
//! and round. For regression the target is standardised, because the library sums gradients in 32-bit floats.

use forust_ml::binning::{BinnedData, bin_matrix};
use forust_ml::constraints::ConstraintMap;
use forust_ml::gradientbooster::GrowPolicy;
use forust_ml::sampler::SampleMethod;
use forust_ml::splitter::MissingImputerSplitter;
use forust_ml::{Matrix, tree};

use super::{Step, Stepper, mean_and_scale};
use crate::algorithm::{Algorithm, Task};
use crate::error::TrainError;
use crate::model::{Body, Ensemble, Link, Tree, TreeSplit};
use crate::params::Params;
use crate::scores::{self, Outputs};
use crate::split::{Part, Split};

/// Second derivatives are kept above this, as a leaf's weight divides by their sum.
const MIN_HESSIAN: f64 = 1e-16;

pub(super) struct Boosting<'a> {
    split: &'a Split,
    rounds: usize,
    max_depth: usize,
    splitter: MissingImputerSplitter,
    binned: BinnedData<f64>,
    link: Link,
    base: Vec<f64>,
    /// What leaf values are multiplied by: the target's standard deviation, or 1.
    scale: f64,
    trees: Vec<Tree>,
    /// Raw outputs so far, one list per output.
    train_raw: Vec<Vec<f64>>,
    test_raw: Vec<Vec<f64>>,
}

impl<'a> Boosting<'a> {
    pub(super) fn new(split: &'a Split, params: &Params) -> Result<Self, TrainError> {
        let train = &split.train;
        let (link, base, scale) = start(split);
        let matrix = Matrix::new(&train.codes, train.rows, split.features.len());
        let bins = params.count("max_bins") as u16;
        let binned = bin_matrix(&matrix, &vec![1.0; train.rows], bins, f64::NAN, false)
            .map_err(|error| TrainError::library(Algorithm::GradientBoosting, error))?;
        let splitter = MissingImputerSplitter {
            l1: 0.0,
            l2: params.real("l2") as f32,
            max_delta_step: 0.0,
            gamma: 0.0,
            min_leaf_weight: params.real("min_leaf_weight") as f32,
            learning_rate: params.real("learning_rate") as f32,
            allow_missing_splits: true,
            constraints_map: ConstraintMap::new(),
        };
        Ok(Self {
            split,
            rounds: params.count("n_trees"),
            max_depth: params.count("max_depth"),
            splitter,
            binned,
            link,
            scale,
            trees: Vec::new(),
            train_raw: base.iter().map(|&base| vec![base; train.rows]).collect(),
            test_raw: base.iter().map(|&base| vec![base; split.test.rows]).collect(),
            base,
        })
    }

    /// First and second derivatives of the loss by each output, for every row.
    fn gradients(&self) -> Vec<(Vec<f32>, Vec<f32>)> {
        let target = &self.split.train.target;
        let raw = &self.train_raw;
        match self.link {
            Link::Softmax => softmax_gradients(raw, target),
            Link::Logistic => vec![
                raw[0]
                    .iter()
                    .zip(target)
                    .map(|(raw, class)| {
                        let probability = 1.0 / (1.0 + (-raw).exp());
                        ((probability - class) as f32, (probability * (1.0 - probability)).max(MIN_HESSIAN) as f32)
                    })
                    .unzip(),
            ],
            _ => vec![raw[0].iter().zip(target).map(|(raw, y)| (((raw - y) / self.scale) as f32, 1.0)).unzip()],
        }
    }

    fn grow(&self, gradient: &[f32], hessian: &[f32]) -> (tree::Tree, Option<tree::TreeRows>) {
        let train = &self.split.train;
        let columns: Vec<usize> = (0..self.split.features.len()).collect();
        let binned = Matrix::new(&self.binned.binned_data, train.rows, columns.len());
        let mut grown = tree::Tree::new();
        let rows = grown.fit(
            &binned,
            binned.index.clone(),
            &columns,
            &self.binned.cuts,
            gradient,
            hessian,
            &self.splitter,
            usize::MAX,
            self.max_depth,
            false,
            &SampleMethod::None,
            &GrowPolicy::DepthWise,
        );
        (grown, rows)
    }

    fn loss(&self, part: &Part, raw: &[Vec<f64>]) -> f64 {
        let width = raw.len();
        let mut rows = vec![0.0; part.rows * width];
        for (output, raw) in raw.iter().enumerate() {
            rows.iter_mut().skip(output).step_by(width).zip(raw).for_each(|(place, raw)| *place = *raw);
        }
        scores::loss(self.split.task, &Outputs::from_raw(self.link, &rows, width), &part.target)
    }
}

impl Stepper for Boosting<'_> {
    fn total(&self) -> u64 {
        self.rounds as u64
    }

    fn step(&mut self) -> Result<Step, TrainError> {
        for (output, (gradient, hessian)) in self.gradients().into_iter().enumerate() {
            let (grown, rows) = self.grow(&gradient, &hessian);
            let tree = convert(&grown, self.scale);
            let raw = &mut self.train_raw[output];
            match rows {
                Some(rows) => rows.leaves(&grown).for_each(|(rows, weight)| {
                    rows.iter().for_each(|&row| raw[row] += weight * self.scale);
                }),
                None => add_predictions(&tree, &self.split.train, raw),
            }
            add_predictions(&tree, &self.split.test, &mut self.test_raw[output]);
            self.trees.push(tree);
        }
        Ok(Step {
            train_loss: self.loss(&self.split.train, &self.train_raw),
            valid_loss: Some(self.loss(&self.split.test, &self.test_raw)),
            converged: false,
        })
    }

    fn finish(self: Box<Self>) -> Result<Body, TrainError> {
        let Self { base, link, trees, .. } = *self;
        Ok(Body::Trees(Ensemble { base, mean: false, fill_missing: false, link, trees }))
    }
}

/// How outputs are read, what they are before any tree, and what leaf values are multiplied by.
fn start(split: &Split) -> (Link, Vec<f64>, f64) {
    let target = &split.train.target;
    if split.task == Task::Regression {
        let (mean, scale) = mean_and_scale(target.iter().copied());
        return (Link::Identity, vec![mean], scale);
    }
    let share =
        |class: usize| target.iter().filter(|&&value| value == class as f64).count() as f64 / target.len() as f64;
    match split.classes {
        2 => (Link::Logistic, vec![(share(1) / share(0)).ln()], 1.0),
        classes => (Link::Softmax, (0..classes).map(|class| share(class).ln()).collect(), 1.0),
    }
}

fn softmax_gradients(raw: &[Vec<f64>], target: &[f64]) -> Vec<(Vec<f32>, Vec<f32>)> {
    let classes = raw.len();
    let mut gradients = vec![(vec![0.0; target.len()], vec![0.0; target.len()]); classes];
    // Friedman's factor for the one output too many that a softmax has.
    let factor = classes as f64 / (classes as f64 - 1.0);
    let (mut row_raw, mut probabilities) = (vec![0.0; classes], Vec::with_capacity(classes));
    for (row, &class) in target.iter().enumerate() {
        row_raw.iter_mut().zip(raw).for_each(|(place, raw)| *place = raw[row]);
        probabilities.clear();
        Link::Softmax.apply(&row_raw, &mut probabilities);
        for (output, (gradient, hessian)) in gradients.iter_mut().enumerate() {
            let probability: f64 = probabilities[output];
            let hit = f64::from(u8::from(class == output as f64));
            gradient[row] = (probability - hit) as f32;
            hessian[row] = (factor * probability * (1.0 - probability)).max(MIN_HESSIAN) as f32;
        }
    }
    gradients
}

fn convert(grown: &tree::Tree, scale: f64) -> Tree {
    let mut tree = Tree::default();
    for node in &grown.nodes {
        if node.is_leaf {
            tree.push_leaf(f64::from(node.weight_value) * scale);
        } else {
            tree.push_split(TreeSplit {
                feature: node.split_feature,
                threshold: node.split_value,
                left: node.left_child,
                right: node.right_child,
                missing: node.missing_node,
            });
        }
    }
    tree
}

fn add_predictions(tree: &Tree, part: &Part, raw: &mut [f64]) {
    for (row, raw) in raw.iter_mut().enumerate() {
        *raw += tree.predict(|feature| part.code(row, feature));
    }
}
