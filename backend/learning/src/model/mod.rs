//! A trained model: its file, and predicting with it.
//!
//! The file is JSON of our own making: whatever a library built is turned into [`Ensemble`] or [`Linear`] when
//! training ends, so that a model written today can be read after any library's next release, and predicts bit for
//! bit the same. Loading checks every index, so a damaged file is an error and never a panic.

mod feature;
mod importance;
mod linear;
mod predict;
mod trees;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::algorithm::{Algorithm, Task};

pub(crate) use feature::clamp;
pub use feature::{Feature, FeatureKind};
pub use importance::ImportanceMeasure;
pub use linear::{Linear, LinearColumn};
pub(crate) use predict::most_probable;
pub use predict::{PredictError, Predictions};
pub(crate) use trees::Split as TreeSplit;
pub use trees::{Ensemble, Tree};

/// What a model file calls itself.
const FORMAT: &str = "belfry-model";
/// Raised when an older reader could misread the file.
const FORMAT_VERSION: u32 = 1;

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    format: String,
    format_version: u32,
    crate_version: String,
    algorithm: Algorithm,
    task: Task,
    target: String,
    /// The classes, in the order of the outputs; empty for regression. Numbers and booleans stay what they are.
    classes: Vec<Value>,
    features: Vec<Feature>,
    /// Columns of the training table that were not learned from. Rows may have them.
    ignored_columns: Vec<String>,
    body: Body,
}

/// The part of a model that computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Sums or means of trees.
    Trees(Ensemble),
    /// Weighted sums of standardised columns.
    Linear(Linear),
}

/// How raw outputs become class probabilities, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// One output, the predicted number.
    Identity,
    /// One output, the log odds of the second class.
    Logistic,
    /// One output per class, normalised exponentially.
    Softmax,
    /// One output, the probability of the second class.
    Probability,
    /// One output per class, each a share that need not add up to one.
    Shares,
}

/// The description of a model that its body does not need.
#[derive(Debug, Clone)]
pub(crate) struct ModelMetadata {
    pub(crate) algorithm: Algorithm,
    pub(crate) task: Task,
    pub(crate) target: String,
    pub(crate) classes: Vec<Value>,
    pub(crate) features: Vec<Feature>,
    pub(crate) ignored_columns: Vec<String>,
}

impl Model {
    pub(crate) fn new(metadata: ModelMetadata, body: Body) -> Result<Self, ModelError> {
        let ModelMetadata { algorithm, task, target, classes, features, ignored_columns } = metadata;
        let model = Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            algorithm,
            task,
            target,
            classes,
            features,
            ignored_columns,
            body,
        };
        model.check()?;
        Ok(model)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// Bytes that are no model, a later format, or a model whose parts do not fit together.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelError> {
        /// Read first, so that a later format is named as such and not as damage.
        #[derive(Deserialize)]
        struct Preamble {
            format: String,
            format_version: u32,
        }
        let preamble: Preamble = serde_json::from_slice(bytes).map_err(ModelError::NotAModel)?;
        if preamble.format != FORMAT || preamble.format_version != FORMAT_VERSION {
            let found = format!("{} {}", preamble.format, preamble.format_version);
            return Err(ModelError::Version { found });
        }
        let mut model: Self = serde_json::from_slice(bytes).map_err(ModelError::NotAModel)?;
        model.features.iter_mut().for_each(Feature::shrink);
        if let Body::Trees(ensemble) = &mut model.body {
            ensemble.shrink();
        }
        model.check()?;
        Ok(model)
    }

    /// The model's file.
    ///
    /// # Errors
    /// Only if JSON cannot hold it, which [`Model::load`] and training rule out.
    pub fn save(&self) -> Result<Vec<u8>, ModelError> {
        serde_json::to_vec(self).map_err(ModelError::NotAModel)
    }

    /// Bytes of memory that its trees and the levels of its columns take. All other parts are smaller in memory than in the file.
    pub fn memory_bytes(&self) -> usize {
        let body = match &self.body {
            Body::Trees(ensemble) => ensemble.memory_bytes(),
            Body::Linear(_) => 0,
        };
        body + self.features.iter().map(Feature::memory_bytes).sum::<usize>()
    }

    /// The algorithm that trained it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What it predicts.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The column it predicts.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The columns it predicts from.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The classes it predicts; empty for regression.
    pub fn classes(&self) -> &[Value] {
        &self.classes
    }

    fn check(&self) -> Result<(), ModelError> {
        let (outputs, link) = match &self.body {
            Body::Trees(ensemble) => {
                ensemble.check(self.features.len()).map_err(ModelError::Damaged)?;
                (ensemble.outputs(), ensemble.link())
            }
            Body::Linear(linear) => {
                linear.check(&self.features).map_err(ModelError::Damaged)?;
                (linear.outputs(), linear.link())
            }
        };
        let fits = match (self.task, link) {
            (Task::Regression, Link::Identity) => outputs == 1 && self.classes.is_empty(),
            (Task::Classification, Link::Logistic | Link::Probability) => outputs == 1 && self.classes.len() == 2,
            (Task::Classification, Link::Softmax | Link::Shares) => outputs == self.classes.len() && outputs >= 2,
            _ => false,
        };
        if !fits {
            return Err(ModelError::Damaged("its outputs do not fit its classes"));
        }
        if self.features.iter().any(|feature| !feature.fill().is_finite()) {
            return Err(ModelError::Damaged("a replacement for missing values is not finite"));
        }
        Ok(())
    }
}

/// Why bytes are no model, or not one that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not JSON, or not the JSON of a model.
    #[error("the file is not a model")]
    NotAModel(#[source] serde_json::Error),
    /// Another format or version.
    #[error("the model is of format `{found}`, expected `{FORMAT} {FORMAT_VERSION}`")]
    Version {
        /// What the file calls itself.
        found: String,
    },
    /// The parts do not fit together, or a number is not finite.
    #[error("the model is damaged: {0}")]
    Damaged(&'static str),
}
