//! What the checks found: values, as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;

/// Where a dependency stands.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does its work.
    Ok,
    /// It does not, or not in time.
    Failed,
    /// It is switched off: neither healthy nor failed.
    Disabled,
}

/// What one check found.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct CheckResult {
    /// Where the dependency stands.
    pub status: Status,
    /// The same as a truth value. `None` when it is switched off.
    pub healthy: Option<bool>,
    /// Whether the service cannot do without it.
    pub required: bool,
    /// One sentence for a person.
    pub message: String,
    /// Time the check took, in milliseconds.
    pub latency_ms: f64,
}

/// What all checks found.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Report {
    /// `ok`, `degraded` (an optional check fails) or `error` (a required one fails).
    pub status: &'static str,
    /// Each check by name.
    pub checks: BTreeMap<&'static str, CheckResult>,
}

impl Report {
    /// Whether every required check passed.
    pub fn is_serving(&self) -> bool {
        self.status != "error"
    }

    /// The checks that failed, each with its sentence; empty when none did.
    pub fn failing(&self) -> String {
        let failing = self.checks.iter().filter(|(_, check)| check.healthy == Some(false));
        failing.map(|(name, check)| format!("{name}: {}", check.message)).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn of(checks: BTreeMap<&'static str, CheckResult>) -> Self {
        let failed = |required| checks.values().any(|check| check.healthy == Some(false) && check.required == required);
        let status = match (failed(true), failed(false)) {
            (true, _) => "error",
            (false, true) => "degraded",
            (false, false) => "ok",
        };
        Self { status, checks }
    }
}
