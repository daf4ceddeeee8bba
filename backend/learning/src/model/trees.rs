//! Trees, and the sums and means of them that boosting and forests predict by.

use serde::{Deserialize, Serialize};

use super::Link;

/// A binary tree, as one list per field of its nodes. Node 0 is the root; a node whose left child is 0 is a leaf.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tree {
    feature: Vec<u32>,
    /// A value below it goes left, any other right.
    threshold: Vec<f64>,
    left: Vec<u32>,
    right: Vec<u32>,
    /// Where a missing value goes.
    missing: Vec<u32>,
    /// What a leaf predicts; 0 elsewhere.
    value: Vec<f64>,
}

/// Where a node's rows go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) feature: usize,
    pub(crate) threshold: f64,
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) missing: usize,
}

impl Tree {
    pub(crate) fn push_leaf(&mut self, value: f64) {
        let nowhere = Split { feature: 0, threshold: 0.0, left: 0, right: 0, missing: 0 };
        self.push(nowhere, value);
    }

    pub(crate) fn push_split(&mut self, split: Split) {
        self.push(split, 0.0);
    }

    fn push(&mut self, split: Split, value: f64) {
        self.feature.push(split.feature as u32);
        self.threshold.push(split.threshold);
        self.left.push(split.left as u32);
        self.right.push(split.right as u32);
        self.missing.push(split.missing as u32);
        self.value.push(value);
    }

    /// The value of the leaf a row falls into, given the row's value of each feature.
    #[inline]
    pub(crate) fn predict(&self, row: impl Fn(usize) -> f64) -> f64 {
        let mut node = 0;
        while self.left[node] != 0 {
            let value = row(self.feature[node] as usize);
            node = if value.is_nan() {
                self.missing[node]
            } else if value < self.threshold[node] {
                self.left[node]
            } else {
                self.right[node]
            } as usize;
        }
        self.value[node]
    }

    /// The feature that each split asks for.
    pub(crate) fn split_features(&self) -> impl Iterator<Item = usize> + '_ {
        let splits = self.left.iter().zip(&self.feature).filter(|(left, _)| **left != 0);
        splits.map(|(_, feature)| *feature as usize)
    }

    /// Gives back what the lists reserved while they grew, which may be as much again as they hold.
    fn shrink(&mut self) {
        let Self { feature, threshold, left, right, missing, value } = self;
        for list in [feature, left, right, missing] {
            list.shrink_to_fit();
        }
        threshold.shrink_to_fit();
        value.shrink_to_fit();
    }

    /// Bytes in memory, with the allocator's header of each list.
    fn memory_bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        let nodes = self.value.len();
        size_of::<Self>() + 4 * (nodes * size_of::<u32>() + ALLOCATION) + 2 * (nodes * size_of::<f64>() + ALLOCATION)
    }

    fn check(&self, features: usize) -> Result<(), &'static str> {
        let nodes = self.value.len();
        let lengths = [self.feature.len(), self.threshold.len(), self.left.len(), self.right.len(), self.missing.len()];
        if nodes == 0 || lengths.iter().any(|&length| length != nodes) {
            return Err("a tree's lists differ in length");
        }
        for node in 0..nodes {
            if !self.value[node].is_finite() || !self.threshold[node].is_finite() {
                return Err("a tree holds a number that is not finite");
            }
            if self.left[node] == 0 {
                continue;
            }
            // Children come after their parent, so there are no cycles.
            let children = [self.left[node], self.right[node], self.missing[node]];
            if children.iter().any(|&child| child as usize <= node || child as usize >= nodes) {
                return Err("a tree's child is out of place");
            }
            if self.feature[node] as usize >= features {
                return Err("a tree asks for a column that does not exist");
            }
        }
        Ok(())
    }
}

/// Trees whose values are added up, or averaged, for each output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// What each output is before any tree; its length is the number of outputs.
    pub(crate) base: Vec<f64>,
    /// Whether the mean of the trees is taken, and not their sum.
    pub(crate) mean: bool,
    /// Whether missing values are replaced before they reach a tree.
    pub(crate) fill_missing: bool,
    pub(crate) link: Link,
    /// Tree `i` adds to output `i % outputs`.
    pub(crate) trees: Vec<Tree>,
}

impl Ensemble {
    pub(crate) fn outputs(&self) -> usize {
        self.base.len()
    }

    pub(crate) fn link(&self) -> Link {
        self.link
    }

    pub(crate) fn raw(&self, row: &[f64]) -> Vec<f64> {
        let outputs = self.outputs();
        let mut sums = vec![0.0; outputs];
        for (index, tree) in self.trees.iter().enumerate() {
            sums[index % outputs] += tree.predict(|feature| row[feature]);
        }
        let share = if self.mean { (self.trees.len() / outputs).max(1) as f64 } else { 1.0 };
        sums.iter().zip(&self.base).map(|(sum, base)| base + sum / share).collect()
    }

    pub(crate) fn shrink(&mut self) {
        self.trees.shrink_to_fit();
        self.trees.iter_mut().for_each(Tree::shrink);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.trees.iter().map(Tree::memory_bytes).sum()
    }

    pub(crate) fn check(&self, features: usize) -> Result<(), &'static str> {
        if self.base.is_empty() || !self.trees.len().is_multiple_of(self.base.len()) {
            return Err("its trees do not divide among its outputs");
        }
        if self.base.iter().any(|base| !base.is_finite()) {
            return Err("a base score is not finite");
        }
        self.trees.iter().try_for_each(|tree| tree.check(features))
    }
}
