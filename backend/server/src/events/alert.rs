//! Events of alerts.

use crate::catalogue::ALERTS_TOTAL;
use crate::labels::{AlertChange, Severity};

/// An alert that was not open was raised.
pub struct AlertRaised<'a> {
    /// Its name.
    pub name: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// Who says so.
    pub source: &'a str,
    /// What is wrong, with the values.
    pub description: &'a str,
}

impl AlertRaised<'_> {
    /// Counts it.
    pub fn emit(self) {
        let Self { name, severity, source, description } = self;
        ALERTS_TOTAL.with((AlertChange::Raised, severity)).increment(1);
        tracing::warn!(name, %severity, source, description, "alert raised");
    }
}

/// An open alert was resolved.
pub struct AlertResolved<'a> {
    /// Its name.
    pub name: &'a str,
    /// As it last was.
    pub severity: Severity,
    /// Who had raised it.
    pub source: &'a str,
}

impl AlertResolved<'_> {
    /// Counts it.
    pub fn emit(self) {
        let Self { name, severity, source } = self;
        ALERTS_TOTAL.with((AlertChange::Resolved, severity)).increment(1);
        tracing::info!(name, %severity, source, "alert resolved");
    }
}
