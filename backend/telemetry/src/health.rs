//! Health checks that run side by side, each with its own deadline, so that one hanging dependency never hangs the answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Mutex;

use crate::catalogue::{HEALTH_CHECK_DURATION_SECONDS, HEALTH_CHECK_STATUS};

/// For how long a report is given again: probes must not become a load generator.
const REPORT_LASTS: Duration = Duration::from_secs(1);

/// What one check found.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct CheckResult {
    /// Whether the dependency does its work. `None` when it is switched off.
    pub healthy: Option<bool>,
    /// Whether the service can do without it.
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
}

/// What a check's work returns: a sentence on success, a sentence on failure.
pub type Outcome = Result<String, String>;
type Work = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Check {
    name: &'static str,
    required: bool,
    deadline: Duration,
    // None: the dependency is switched off.
    work: Option<Work>,
}

/// The checks of a service.
#[derive(Default)]
pub struct Checks {
    checks: Vec<Check>,
    last: Mutex<Option<(Instant, Report)>>,
}

impl Checks {
    /// Adds a check without which the service cannot serve.
    pub fn required<W, F>(self, name: &'static str, deadline: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        self.add(name, true, deadline, Some(Arc::new(move || Box::pin(work()))))
    }

    /// Adds a check whose failure leaves the service usable.
    pub fn optional<W, F>(self, name: &'static str, deadline: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        self.add(name, false, deadline, Some(Arc::new(move || Box::pin(work()))))
    }

    /// Names a dependency that is switched off: neither healthy nor failed.
    pub fn disabled(self, name: &'static str) -> Self {
        self.add(name, false, REPORT_LASTS, None)
    }

    fn add(mut self, name: &'static str, required: bool, deadline: Duration, work: Option<Work>) -> Self {
        self.checks.push(Check { name, required, deadline, work });
        self
    }

    /// Runs all checks at once, or gives the last report when it is under a second old.
    ///
    /// Takes as long as the slowest check, and never longer than the largest deadline.
    pub async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((taken, report)) = &*last
            && taken.elapsed() < REPORT_LASTS
        {
            return report.clone();
        }
        let running: Vec<_> = self.checks.iter().cloned().map(|check| (check.name, tokio::spawn(run(check)))).collect();
        let mut checks = BTreeMap::new();
        for (name, task) in running {
            let result = task.await.unwrap_or_else(|_| CheckResult {
                healthy: Some(false),
                required: true,
                message: "the check panicked".to_owned(),
                latency_ms: 0.0,
            });
            checks.insert(name, result);
        }
        let failed = |required| checks.values().any(|check| check.healthy == Some(false) && check.required == required);
        let status = if failed(true) {
            "error"
        } else if failed(false) {
            "degraded"
        } else {
            "ok"
        };
        let report = Report { status, checks };
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

async fn run(check: Check) -> CheckResult {
    let started = Instant::now();
    let (healthy, message) = match &check.work {
        None => (None, "disabled".to_owned()),
        Some(work) => match tokio::time::timeout(check.deadline, work()).await {
            Ok(Ok(message)) => (Some(true), message),
            Ok(Err(message)) => (Some(false), message),
            Err(_) => (Some(false), format!("no answer within {} ms", check.deadline.as_millis())),
        },
    };
    let elapsed = started.elapsed();
    if let Some(healthy) = healthy {
        HEALTH_CHECK_STATUS.with([check.name]).set(if healthy { 1.0 } else { 0.0 });
        HEALTH_CHECK_DURATION_SECONDS.with([check.name]).record(elapsed.as_secs_f64());
    }
    CheckResult { healthy, required: check.required, message, latency_ms: elapsed.as_secs_f64() * 1_000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hanging_check_fails_at_its_deadline_while_the_others_answer() {
        let checks = Checks::default()
            .required("database", Duration::from_secs(1), || async { Ok("fine".to_owned()) })
            .optional("provider", Duration::from_millis(50), || async { std::future::pending().await })
            .disabled("telegram");
        let started = Instant::now();
        let report = checks.report().await;
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(report.status, "degraded");
        assert!(report.is_serving());
        assert_eq!(report.checks["database"].healthy, Some(true));
        assert_eq!(report.checks["provider"].message, "no answer within 50 ms");
        assert_eq!(report.checks["telegram"].healthy, None);
    }

    #[tokio::test]
    async fn a_failed_required_check_is_an_error() {
        let checks = Checks::default()
            .required("database", Duration::from_secs(1), || async { Err("connection refused".to_owned()) });
        let report = checks.report().await;
        assert_eq!(report.status, "error");
        assert!(!report.is_serving());
    }

    #[tokio::test]
    async fn a_panicking_check_fails_alone() {
        let checks = Checks::default()
            .optional("fragile", Duration::from_secs(1), || async { panic!("bug") })
            .required("database", Duration::from_secs(1), || async { Ok("fine".to_owned()) });
        let report = checks.report().await;
        assert_eq!(report.checks["fragile"].healthy, Some(false));
        assert_eq!(report.checks["database"].healthy, Some(true));
    }
}
