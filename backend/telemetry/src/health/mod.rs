//! Health checks that run side by side, each with its own deadline, so that one hanging dependency never hangs the answer.

mod report;
mod routes;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use report::{CheckResult, Report, Status};
pub use routes::router;

use crate::catalogue::{HEALTH_CHECK_DURATION_SECONDS, HEALTH_CHECK_STATUS};

/// For how long a report is given again: probes must not become a load generator.
const REPORT_LASTS: Duration = Duration::from_secs(1);

/// What a check's work returns: a sentence on success, a sentence on failure.
pub type Outcome = Result<String, String>;
type Work = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

#[derive(Clone)]
enum Kind {
    Asked { required: bool, deadline: Duration, work: Work },
    // Why nothing is asked.
    Disabled(String),
}

#[derive(Clone)]
struct Check {
    name: &'static str,
    kind: Kind,
}

/// The checks of a service.
#[derive(Default)]
pub struct Checks {
    checks: Vec<Check>,
    last: Mutex<Option<Round>>,
    last_of_required: Mutex<Option<Round>>,
}

/// One run of all checks, under way or ended; whoever asks meanwhile shares it.
#[derive(Clone)]
struct Round {
    ended: watch::Receiver<Option<(Instant, Report)>>,
}

impl Round {
    /// Under way, or ended less than a second ago. One whose task is gone without an end is neither.
    fn is_fresh(&self) -> bool {
        match &*self.ended.borrow() {
            Some((ended, _)) => ended.elapsed() < REPORT_LASTS,
            None => self.ended.has_changed().is_ok(),
        }
    }
}

impl Checks {
    /// Adds a check without which the service cannot serve.
    pub fn required<W, F>(self, name: &'static str, deadline: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let work: Work = Arc::new(move || Box::pin(work()));
        self.add(name, Kind::Asked { required: true, deadline, work })
    }

    /// Adds a check whose failure leaves the service usable.
    pub fn optional<W, F>(self, name: &'static str, deadline: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let work: Work = Arc::new(move || Box::pin(work()));
        self.add(name, Kind::Asked { required: false, deadline, work })
    }

    /// Names a dependency that is switched off, and says by what: neither healthy nor failed, and without a series.
    pub fn disabled(self, name: &'static str, reason: impl Into<String>) -> Self {
        self.add(name, Kind::Disabled(reason.into()))
    }

    fn add(mut self, name: &'static str, kind: Kind) -> Self {
        self.checks.push(Check { name, kind });
        self
    }

    /// Runs all checks at once, or gives the last report when it is under a second old.
    ///
    /// Takes as long as the slowest check, and never longer than the largest deadline. A run goes on when its caller
    /// goes away, so that callers who do not wait cannot begin one after the other.
    pub async fn report(&self) -> Report {
        self.shared(&self.last, |_| true).await
    }

    /// The same of the required checks alone. Whoever only asks whether to send requests here must not wait for a
    /// dependency that the service can do without.
    pub async fn report_required(&self) -> Report {
        let is_required = |check: &Check| matches!(check.kind, Kind::Asked { required: true, .. });
        self.shared(&self.last_of_required, is_required).await
    }

    async fn shared(&self, last: &Mutex<Option<Round>>, which: impl Fn(&Check) -> bool) -> Report {
        loop {
            let mut ended = self.round(last, &which).ended;
            // Without its sender the run was cut off, as at the end of a runtime; then there is a new one to wait for.
            if let Ok(report) = ended.wait_for(Option::is_some).await
                && let Some((_, report)) = &*report
            {
                return report.clone();
            }
        }
    }

    fn round(&self, last: &Mutex<Option<Round>>, which: impl Fn(&Check) -> bool) -> Round {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = last.as_ref().filter(|round| round.is_fresh()) {
            return round.clone();
        }
        let (sender, ended) = watch::channel(None);
        let checks: Vec<Check> = self.checks.iter().filter(|check| which(check)).cloned().collect();
        tokio::spawn(async move {
            let running: Vec<_> = checks.into_iter().map(|check| (check.name, tokio::spawn(run(check)))).collect();
            let mut results = BTreeMap::new();
            for (name, task) in running {
                // The check itself runs in a further task, so this one ends well unless the runtime ends.
                if let Ok(result) = task.await {
                    results.insert(name, result);
                }
            }
            sender.send_replace(Some((Instant::now(), Report::of(results))));
        });
        last.insert(Round { ended }).clone()
    }
}

async fn run(check: Check) -> CheckResult {
    let (required, deadline, work) = match check.kind {
        Kind::Asked { required, deadline, work } => (required, deadline, work),
        Kind::Disabled(message) => {
            return CheckResult { status: Status::Disabled, healthy: None, required: false, message, latency_ms: 0.0 };
        }
    };
    let started = Instant::now();
    // A task of its own: it may panic, and one that blocks its thread must not hold up the deadline.
    let mut asked = tokio::spawn(async move { work().await });
    let outcome = match tokio::time::timeout(deadline, &mut asked).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("the check panicked".to_owned()),
        Err(_) => {
            asked.abort();
            Err(format!("no answer within {} ms", deadline.as_millis()))
        }
    };
    let elapsed_seconds = started.elapsed().as_secs_f64();
    let healthy = outcome.is_ok();
    HEALTH_CHECK_STATUS.with([check.name]).set(f64::from(u8::from(healthy)));
    HEALTH_CHECK_DURATION_SECONDS.with([check.name]).record(elapsed_seconds);
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
