//! Why a run ends without a model. Every message is for the person who submitted the run.

use std::io;

use crate::algorithm::{Algorithm, Task};
use crate::excerpt::excerpt;
use crate::model::ModelError;
use crate::params::ParamError;
use crate::profile::CsvError;

/// The code of a run spec that the training child could not read.
pub(crate) const BAD_SPEC: &str = "bad_spec";

/// The code of a training child that could not limit itself.
pub(crate) const SANDBOX: &str = "sandbox";

/// The code of a training child for which the machine had no thread left. Nothing was tried yet, so it costs no attempt.
pub const PROCESS_NOT_STARTED: &str = "process_not_started";

const DATASET_UNREADABLE: &str = "dataset_unreadable";
const MODEL_UNWRITABLE: &str = "model_unwritable";

/// Whether a run that failed with this code failed for a fault of the server or its machine, not of the data.
pub fn is_server_failure(code: &str) -> bool {
    [BAD_SPEC, SANDBOX, PROCESS_NOT_STARTED, DATASET_UNREADABLE, MODEL_UNWRITABLE].contains(&code)
}

/// Why a run ends without a model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The parameters are not the algorithm's.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The file is no table.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The file cannot be read.
    #[error("the dataset cannot be read")]
    Read(#[source] io::Error),
    /// The model cannot be written.
    #[error("the model cannot be written")]
    Write(#[source] io::Error),
    /// The held-out share lies outside its bounds.
    #[error("test_fraction is {0}, expected a number from 0.05 to 0.5")]
    TestFraction(f64),
    /// The table is longer than a run may read.
    #[error("the dataset has {found} rows, expected at most {max}")]
    TooManyRows {
        /// Rows in the table.
        found: u64,
        /// Rows at most.
        max: u64,
    },
    /// No column has the target's name.
    #[error("the dataset has no column `{}`, expected one of {}", excerpt(target), columns.join(", "))]
    TargetMissing {
        /// The name in the request.
        target: String,
        /// The names there are, or the first of them.
        columns: Vec<String>,
    },
    /// The target has no value in any row.
    #[error("the target `{}` has no value in any row", excerpt(.0))]
    TargetEmpty(String),
    /// Regression of a target that holds other than numbers.
    #[error("the target `{}` is not a number in every row, expected numbers for regression", excerpt(.0))]
    TargetNotNumeric(String),
    /// A target too great to be computed with.
    #[error("the target `{}` has values beyond 1e12, expected smaller magnitudes", excerpt(.0))]
    TargetTooLarge(String),
    /// A target that is the same in every row.
    #[error("the target `{}` has the same value in every row, expected at least two {}", excerpt(.0), .1)]
    OneClass(String, &'static str),
    /// More classes than a model may have.
    #[error("the target `{}` has more than {max} classes, expected at most {max}", excerpt(target))]
    TooManyClasses {
        /// The target.
        target: String,
        /// Classes at most.
        max: usize,
    },
    /// A class too rare to be both learned and tested.
    #[error("the class `{}` of the target has only {rows} row, expected at least 2 of every class", excerpt(class))]
    ClassTooSmall {
        /// The class.
        class: String,
        /// Its rows.
        rows: usize,
    },
    /// Too few rows have a target.
    #[error("the dataset has {found} rows with a target, expected at least {min}")]
    TooFewRows {
        /// Rows with a target.
        found: usize,
        /// Rows at least.
        min: usize,
    },
    /// Every column but the target is constant, empty or has too many levels.
    #[error("no usable feature column: each is constant, empty or has too many distinct texts")]
    NoFeatures,
    /// The table is too wide after one-hot encoding.
    #[error(
        "the table has {found} columns after one-hot encoding, expected at most {max}; tree algorithms accept more"
    )]
    TooWide {
        /// Columns after encoding.
        found: usize,
        /// Columns at most.
        max: usize,
    },
    /// The algorithm is not for the task.
    #[error("{algorithm} does not support {task}, which is the task for the target `{}`", excerpt(target))]
    TaskUnsupported {
        /// The algorithm in the request.
        algorithm: Algorithm,
        /// The task, given or inferred.
        task: Task,
        /// The target.
        target: String,
    },
    /// A library refused data that passed every check.
    #[error("{algorithm} could not be trained: {reason}")]
    Library {
        /// The algorithm.
        algorithm: Algorithm,
        /// The library's message.
        reason: String,
    },
    /// The optimiser left the finite numbers.
    #[error("{0} diverged: its loss is not a finite number; try other parameters")]
    Diverged(Algorithm),
    /// What was trained is not a usable model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A stop was requested.
    #[error("the run was stopped before it ended")]
    Cancelled,
    /// The deadline has passed.
    #[error("the run took longer than its time limit")]
    TimedOut,
}

impl TrainError {
    /// A stable name for the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Params(error) => error.code(),
            Self::Csv(error) => error.code.name(),
            Self::Read(_) => DATASET_UNREADABLE,
            Self::Write(_) => MODEL_UNWRITABLE,
            Self::TestFraction(_) => "test_fraction",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::TargetMissing { .. } => "target_missing",
            Self::TargetEmpty(_) => "target_empty",
            Self::TargetNotNumeric(_) => "target_not_numeric",
            Self::TargetTooLarge(_) => "target_too_large",
            Self::OneClass(..) => "one_class",
            Self::TooManyClasses { .. } => "too_many_classes",
            Self::ClassTooSmall { .. } => "class_too_small",
            Self::TooFewRows { .. } => "too_few_rows",
            Self::NoFeatures => "no_features",
            Self::TooWide { .. } => "too_many_features",
            Self::TaskUnsupported { .. } => "task_unsupported",
            Self::Library { .. } => "training_failed",
            Self::Diverged(_) => "diverged",
            Self::Model(_) => "model_unusable",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    /// A library's message as the reason of an algorithm's failure.
    pub(crate) fn library(algorithm: Algorithm, reason: impl std::fmt::Display) -> Self {
        Self::Library { algorithm, reason: reason.to_string() }
    }
}
