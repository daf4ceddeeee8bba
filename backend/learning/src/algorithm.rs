//! The closed sets a run is described by: which algorithm, which task.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::excerpt::excerpt;

/// A way of training a model.
///
/// [`Algorithm::Fake`] exists so that tests can drive every way a training child may end. It is neither in
/// [`Algorithm::ALL`] nor known to [`FromStr`]; only [`Algorithm::parse`] with `allow_fake` returns it. Text from
/// a client must therefore go through one of the two, never through `serde`, which serves the messages between a
/// server and its own children.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Display, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Algorithm {
    /// Histogram gradient boosting, one round of trees a step; classification and regression.
    #[default]
    GradientBoosting,
    /// Bagged trees, one a step (one per class and step for classification); classification and regression.
    RandomForest,
    /// Multinomial logistic regression with an L2 penalty; classification.
    LogisticRegression,
    /// Least squares with L1 and L2 penalties; regression.
    ElasticNet,
    /// Not a model: behaves, or misbehaves, as its `behaviour` parameter says. Stays the last one, so that the names
    /// before it are those of [`Algorithm::ALL`].
    Fake,
}

impl Algorithm {
    /// The algorithms offered to clients.
    pub const ALL: [Algorithm; 4] =
        [Self::GradientBoosting, Self::RandomForest, Self::LogisticRegression, Self::ElasticNet];

    /// The name in requests, metric labels and model files.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Reads a name; `fake` is known only where `allow_fake` is set.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`] names what was given and what is known.
    pub fn parse(name: &str, allow_fake: bool) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .chain(allow_fake.then_some(Self::Fake))
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownAlgorithm { found: excerpt(name).into_owned() })
    }

    /// Whether the algorithm can be trained for `task`.
    pub const fn supports(self, task: Task) -> bool {
        match self {
            Self::LogisticRegression => matches!(task, Task::Classification),
            Self::ElasticNet => matches!(task, Task::Regression),
            Self::GradientBoosting | Self::RandomForest | Self::Fake => true,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name, false)
    }
}

/// A name that no algorithm has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm `{found}`, expected one of {}", known_algorithms())]
pub struct UnknownAlgorithm {
    /// The name as given, or its beginning.
    pub found: String,
}

fn known_algorithms() -> String {
    Algorithm::ALL.map(|algorithm| format!("`{algorithm}`")).join(", ")
}

/// What a model predicts: a class or a number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownTask, parse_err_fn = unknown_task)]
pub enum Task {
    /// One of a few classes.
    Classification,
    /// A number.
    Regression,
}

impl Task {
    /// The name in requests and model files.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown_task(name: &str) -> UnknownTask {
    UnknownTask { found: excerpt(name).into_owned() }
}

/// A name that no task has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task `{found}`, expected `classification` or `regression`")]
pub struct UnknownTask {
    /// The name as given, or its beginning.
    pub found: String,
}
