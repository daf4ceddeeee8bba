//! What a server and its training child say to each other: one [`Spec`] in, [`Message`] lines out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::algorithm::{Algorithm, Task};

/// One training run, as written to the file a training child is started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The run's identifier, repeated in [`Message::Started`].
    pub run_id: String,
    /// The CSV file to learn from.
    pub dataset_path: PathBuf,
    /// Whether that file is gzip-compressed.
    #[serde(default)]
    pub gzip: bool,
    /// The column to predict.
    pub target: String,
    /// The algorithm to train.
    pub algorithm: Algorithm,
    /// The task; inferred from the target where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The algorithm's parameters, checked again by the child.
    #[serde(default)]
    pub params: Value,
    /// Seed of the split and of everything random in the algorithm.
    pub seed: u64,
    /// Share of the rows held out for the scores, 0.05 to 0.5.
    pub test_fraction: f64,
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
        /// [`Spec::run_id`].
        run_id: String,
        /// [`Spec::algorithm`].
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
    Finished(Report),
    /// The run ended without a model, and why.
    Failed {
        /// A stable name: `cancelled`, `timed_out`, or a validation error's code.
        code: String,
        /// One sentence for the person who asked for the run.
        message: String,
    },
}

/// What a model was learned from, and in how many steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
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

/// The result of a finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The task, given or inferred.
    pub task: Task,
    /// Scores on the held-out rows by name: accuracy, macro_f1, log_loss; or rmse, mae, r2.
    pub scores: BTreeMap<String, f64>,
    /// What it was learned from, and in how many steps.
    #[serde(flatten)]
    pub summary: Summary,
    /// Size of the model file.
    pub model_size_bytes: u64,
    /// SHA-256 of the model file, lower-case hexadecimal.
    pub model_sha256: String,
    /// Processor time of the child, user and system.
    pub cpu_seconds: f64,
    /// The most memory the child held at once; 0 where the system does not say.
    pub peak_resident_bytes: u64,
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
