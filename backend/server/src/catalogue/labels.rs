//! Closed label values. The catalogue's lists come from these enums, so a value that is not in them does not compile.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

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
