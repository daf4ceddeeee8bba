//! Closed sets of label values, one enum each, so that a value outside its set does not compile. The catalogue's lists
//! are made from them. Those of training itself are in `belfry_learning`.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// Where a run is in its life cycle, with the names that the database, the API and metric labels use.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunStatus {
    /// Waits for a worker.
    Queued,
    /// A worker has claimed it.
    Running,
    /// It ended with a model.
    Completed,
    /// It ended without a model; the outcome says how.
    Failed,
    /// It ended because a client cancelled it.
    Cancelled,
}

impl RunStatus {
    /// The name in the database, the API and metric labels.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether the run can no longer change.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How a request for predictions ended.
#[derive(Clone, Copy, Debug, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PredictionOutcome {
    /// The rows were predicted.
    Completed,
    /// The rows do not fit the model.
    Rejected,
    /// The model could not be read, or the computation panicked.
    Failed,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum UploadOutcome {
    /// It is a dataset now.
    Stored,
    /// Its content or its form was refused.
    Rejected,
    /// It was larger than allowed, as sent or once unpacked.
    TooLarge,
    /// Its client went away or stopped sending.
    Cancelled,
    /// The fault was on this side.
    Failed,
}

/// How a clean-up cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CleanupOutcome {
    /// It looked at every expired dataset.
    Completed,
    /// It could not go on.
    Failed,
    /// The process stopped first.
    Cancelled,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AlertChange {
    /// It was opened.
    Raised,
    /// It was closed.
    Resolved,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// To be looked at soon.
    Warning,
    /// To be looked at now.
    Critical,
}

#[cfg(test)]
mod tests {
    use belfry_learning::outcome::Outcome;
    use serde_json::Value;

    use super::*;

    #[test]
    fn labels_have_the_names_that_json_has() {
        for name in RunStatus::VARIANTS {
            let status: RunStatus = serde_json::from_value(Value::from(*name)).unwrap();
            assert_eq!((status.name(), name.parse()), (*name, Ok(status)));
        }
        for name in Outcome::VARIANTS {
            let outcome: Outcome = serde_json::from_value(Value::from(*name)).unwrap();
            assert_eq!(outcome.name(), *name);
        }
    }
}
