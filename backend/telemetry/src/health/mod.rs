//! Health checks that run side by side, each with its own deadline, so that one hanging dependency never delays the response.
//!
//! ```
//! use std::time::Duration;
//! use belfry_telemetry::health::{self, Checks};
//!
//! let checks = Checks::default()
//!     .required("database", Duration::from_secs(2), || async { Ok("answers".to_owned()) })
//!     .disabled("mail", "MAIL__ENABLED is false");
//! // `/livez`, `/readyz` and `/health`.
//! let router: axum::Router = health::router(checks);
//! # drop(router);
//! ```

mod cached;
mod report;
mod routes;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;

pub use cached::Cached;
pub use report::{CheckResult, Report, ServiceStatus, Status};
pub use routes::{full_report, readiness, router};

use crate::catalogue::{HEALTH_CHECK_DURATION_SECONDS, HEALTH_CHECK_STATUS};

/// What a check's work returns: a sentence on success, a sentence on failure.
///
/// ```
/// use belfry_telemetry::health::{Checks, Outcome};
/// use std::time::Duration;
///
/// async fn database() -> Outcome {
///     Ok("answers".to_owned())
/// }
/// let checks = Checks::default().required("database", Duration::from_secs(2), database);
/// # drop(checks);
/// ```
pub type Outcome = Result<String, String>;
type Work = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

#[derive(Clone)]
enum Kind {
    Enabled { required: bool, deadline: Duration, work: Work },
    // Why it is switched off.
    Disabled(String),
}

/// One check, and its last result.
struct Check {
    name: &'static str,
    kind: Kind,
    last: Cached<CheckResult>,
}

/// The checks of a service.
///
/// ```
/// use belfry_telemetry::health::{Checks, ServiceStatus, Status};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let checks = Checks::default()
///     .required("database", Duration::from_secs(2), async || Ok("answers".to_owned()))
///     .optional("search", Duration::from_secs(1), async || Err("connection refused".to_owned()))
///     .disabled("mail", "MAIL__ENABLED is false");
/// let report = checks.report().await;
/// assert_eq!((report.status, report.is_serving()), (ServiceStatus::Degraded, true));
/// assert_eq!(report.failing(), "search: connection refused");
/// assert_eq!(report.checks["mail"].status, Status::Disabled);
/// assert_eq!(checks.report_required().await.status, ServiceStatus::Ok);
/// # });
/// ```
#[derive(Default)]
pub struct Checks {
    checks: Vec<Check>,
}

impl Checks {
    /// Adds a check without which the service cannot serve.
    pub fn required<W, F>(self, name: &'static str, deadline: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let work: Work = Arc::new(move || Box::pin(work()));
        self.add(name, Kind::Enabled { required: true, deadline, work })
    }

    /// Adds a check whose failure leaves the service usable.
    pub fn optional<W, F>(self, name: &'static str, deadline: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let work: Work = Arc::new(move || Box::pin(work()));
        self.add(name, Kind::Enabled { required: false, deadline, work })
    }

    /// Adds a dependency that is switched off, and why: neither healthy nor failed, and without a series.
    pub fn disabled(self, name: &'static str, reason: impl Into<String>) -> Self {
        self.add(name, Kind::Disabled(reason.into()))
    }

    fn add(mut self, name: &'static str, kind: Kind) -> Self {
        self.checks.push(Check { name, kind, last: Cached::default() });
        self
    }

    /// The results of all checks: each runs now, side by side, unless its last result is under a second old.
    ///
    /// Takes as long as the slowest check, and never longer than the largest deadline.
    pub async fn report(&self) -> Report {
        self.report_of(|_| true).await
    }

    /// The results of the required checks alone: a load balancer that asks whether to send requests here must not wait for
    /// a dependency that the service can do without.
    pub async fn report_required(&self) -> Report {
        self.report_of(|check| matches!(check.kind, Kind::Enabled { required: true, .. })).await
    }

    async fn report_of(&self, which: impl Fn(&Check) -> bool) -> Report {
        let chosen = self.checks.iter().filter(|check| which(check));
        let results = join_all(chosen.map(|check| async move { (check.name, check.result().await) })).await;
        Report::from_checks(results.into_iter().collect::<BTreeMap<_, _>>())
    }
}

impl Check {
    async fn result(&self) -> CheckResult {
        self.last.get(|| run(self.name, self.kind.clone())).await
    }
}

async fn run(name: &'static str, kind: Kind) -> CheckResult {
    let (required, deadline, work) = match kind {
        Kind::Enabled { required, deadline, work } => (required, deadline, work),
        Kind::Disabled(message) => {
            return CheckResult { status: Status::Disabled, healthy: None, required: false, message, latency_ms: 0.0 };
        }
    };
    let started = Instant::now();
    // In a task of its own: it may panic, or block its thread, and must not delay the deadline.
    let mut task = tokio::spawn(async move { work().await });
    let outcome = match tokio::time::timeout(deadline, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("the check panicked".to_owned()),
        Err(_) => {
            task.abort();
            Err(format!("no answer within {} ms", deadline.as_millis()))
        }
    };
    let elapsed_seconds = started.elapsed().as_secs_f64();
    let healthy = outcome.is_ok();
    HEALTH_CHECK_STATUS.with(name).set(f64::from(u8::from(healthy)));
    HEALTH_CHECK_DURATION_SECONDS.with(name).record(elapsed_seconds);
    CheckResult {
        status: if healthy { Status::Ok } else { Status::Failed },
        healthy: Some(healthy),
        required,
        message: outcome.unwrap_or_else(|message| message),
        latency_ms: elapsed_seconds * 1_000.0,
    }
}

#[cfg(test)]
mod tests;
