//! The results of health checks, as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use strum::{Display, IntoStaticStr};

/// The state of a service, from all its checks.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ServiceStatus {
    /// Every check passes.
    Ok,
    /// An optional check fails.
    Degraded,
    /// A required check fails.
    Error,
}

/// The state of a dependency.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It works.
    Ok,
    /// It does not, or not in time.
    Failed,
    /// It is switched off: neither healthy nor failed.
    Disabled,
}

/// The result of one check.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct CheckResult {
    /// The state of the dependency.
    pub status: Status,
    /// Whether it works. `None` when it is switched off.
    pub healthy: Option<bool>,
    /// Whether the service needs it.
    pub required: bool,
    /// One sentence for a person.
    pub message: String,
    /// Time the check took, in milliseconds.
    pub latency_ms: f64,
}

/// The results of all checks.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Report {
    /// The state of the service.
    pub status: ServiceStatus,
    /// Each check by name.
    pub checks: BTreeMap<&'static str, CheckResult>,
}

impl Report {
    /// Whether every required check passed.
    pub fn is_serving(&self) -> bool {
        self.status != ServiceStatus::Error
    }

    /// The checks that failed, each with its sentence; empty when none did.
    pub fn failing(&self) -> String {
        let failing = self.checks.iter().filter(|(_, check)| check.healthy == Some(false));
        failing.map(|(name, check)| format!("{name}: {}", check.message)).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn from_checks(checks: BTreeMap<&'static str, CheckResult>) -> Self {
        let failed = |required| checks.values().any(|check| check.healthy == Some(false) && check.required == required);
        let status = match (failed(true), failed(false)) {
            (true, _) => ServiceStatus::Error,
            (false, true) => ServiceStatus::Degraded,
            (false, false) => ServiceStatus::Ok,
        };
        Self { status, checks }
    }
}
