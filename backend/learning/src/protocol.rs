//! The messages between a server and its training child: one [`ChildSpec`] in, [`Message`] lines out. Also their
//! parts: [`RunSpec`], [`TrainingResult`], [`ResourceUse`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{Display, IntoStaticStr, VariantNames};

use crate::algorithm::{Algorithm, Task};

/// The shares of the rows that may be held out.
pub const TEST_FRACTIONS: std::ops::RangeInclusive<f64> = 0.05..=0.5;

/// What is to be trained: all that a client decides about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// The dataset's identifier. Training itself reads [`ChildSpec::dataset_path`].
    pub dataset_id: String,
    /// The column to predict.
    pub target: String,
    /// The algorithm to train.
    pub algorithm: Algorithm,
    /// The task; inferred from the target where absent.
    pub task: Option<Task>,
    /// The algorithm's parameters, checked again by the child.
    pub params: Value,
    /// Seed of the split and of everything random in the algorithm.
    pub seed: u64,
    /// Share of the rows held out for the scores, 0.05 to 0.5.
    pub test_fraction: f64,
}

/// One training run, as written to the file a training child is started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildSpec {
    /// The run's identifier, repeated in [`Message::Started`].
    pub run_id: String,
    /// What is to be trained.
    pub run: RunSpec,
    /// The CSV file to learn from.
    pub dataset_path: PathBuf,
    /// Whether that file is gzip-compressed.
    pub gzip: bool,
    /// Where the finished model goes; appears only when complete.
    pub model_path: PathBuf,
    /// Rows read at most; more is an error, not a silent sample.
    pub max_rows: u64,
    /// Memory the run may use, in bytes, beyond what the process itself maps.
    pub memory_limit_bytes: u64,
    /// Time the run may take, in seconds, counted from the child's start.
    pub deadline_seconds: f64,
}

/// One line of a training child's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// The child runs within its limits and begins to read the data.
    Started {
        /// [`ChildSpec::run_id`].
        run_id: String,
        /// [`RunSpec::algorithm`].
        algorithm: Algorithm,
    },
    /// One step is done.
    Progress {
        /// Steps done, from 1.
        iteration: u64,
        /// Steps at most; a run that converges ends before.
        total: u64,
        /// Loss on the training rows: log loss, or root mean squared error in the target's unit.
        train_loss: f64,
        /// The same on the held-out rows.
        valid_loss: Option<f64>,
    },
    /// The model is on disk.
    Finished(ChildReport),
    /// The run ended without a model, and why.
    Failed {
        /// A stable name: `cancelled`, `timed_out`, or a validation error's code.
        code: String,
        /// One sentence for the person who submitted the run.
        message: String,
    },
}

/// What a model was learned from, and in how many steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// Rows learned from.
    pub rows_train: u64,
    /// Rows held out.
    pub rows_test: u64,
    /// Rows left out because their target was missing.
    pub rows_without_target: u64,
    /// Values moved to the greatest magnitude that is trained on.
    pub clamped_values: u64,
    /// Columns not learned from.
    pub dropped_columns: Vec<DroppedColumn>,
    /// Steps taken.
    pub iterations: u64,
}

/// A score of a model on the held-out rows: the first three for classification, the others for regression.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Display, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Score {
    /// Share of rows whose class was predicted.
    Accuracy,
    /// Mean of the classes' F1 scores.
    MacroF1,
    /// Mean negative logarithm of the true class's probability.
    LogLoss,
    /// Root mean squared error, in the target's unit.
    Rmse,
    /// Mean absolute error, in the target's unit.
    Mae,
    /// Share of the target's variance that is explained.
    R2,
}

impl Score {
    /// The name in reports and metric labels.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What is known of a trained model besides the model itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingResult {
    /// The task, given or inferred.
    pub task: Task,
    /// Scores on the held-out rows.
    pub scores: BTreeMap<Score, f64>,
    /// What it was learned from, and in how many steps.
    #[serde(flatten)]
    pub summary: TrainingSummary,
}

/// What a training child used of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResourceUse {
    /// Processor time, user and system.
    pub cpu_seconds: f64,
    /// The most memory held at once; 0 where the system does not report it.
    pub peak_resident_bytes: u64,
}

/// What a child reports of a finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildReport {
    /// What training came to.
    #[serde(flatten)]
    pub result: TrainingResult,
    /// Size of the model file.
    pub model_size_bytes: u64,
    /// SHA-256 of the model file, lower-case hexadecimal.
    pub model_sha256: String,
    /// What the child used.
    #[serde(flatten)]
    pub resources: ResourceUse,
}

/// A column that was not learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedColumn {
    /// The column's name.
    pub name: String,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// Why a column was not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// No row has a value.
    AllMissing,
    /// Every row has the same value.
    Constant,
    /// A text column with more distinct values than are encoded.
    TooManyLevels,
}
