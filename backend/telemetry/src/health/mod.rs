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
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hanging_check_fails_at_its_deadline_while_the_others_answer() {
        let checks = Checks::default()
            .required("database", Duration::from_secs(1), || async { Ok("fine".to_owned()) })
            .optional("provider", Duration::from_millis(50), || async { std::future::pending().await })
            .disabled("telegram", "TELEGRAM__ENABLED is false");
        let started = Instant::now();
        let report = checks.report().await;
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(report.status, "degraded");
        assert!(report.is_serving());
        assert_eq!(report.checks["database"].healthy, Some(true));
        assert_eq!(report.checks["provider"].message, "no answer within 50 ms");
        let telegram = &report.checks["telegram"];
        assert_eq!((telegram.status, telegram.healthy), (Status::Disabled, None));
        assert_eq!(telegram.message, "TELEGRAM__ENABLED is false");
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
        assert_eq!(report.status, "degraded", "an optional check stays optional when it panics");
        assert_eq!(report.checks["database"].healthy, Some(true));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_check_that_blocks_its_thread_fails_at_its_deadline() {
        let checks = Checks::default().optional("blocking", Duration::from_millis(50), || async {
            std::thread::sleep(Duration::from_millis(600));
            Ok("late".to_owned())
        });
        let started = Instant::now();
        assert_eq!(checks.report().await.checks["blocking"].message, "no answer within 50 ms");
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn who_asks_for_the_required_alone_does_not_wait_for_the_others() {
        let checks = Checks::default()
            .required("database", Duration::from_secs(1), || async { Ok("fine".to_owned()) })
            .optional("provider", Duration::from_secs(5), || async { std::future::pending().await })
            .disabled("telegram", "off");
        let started = Instant::now();
        let report = checks.report_required().await;
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        assert_eq!((report.status, report.checks.keys().copied().collect::<Vec<_>>()), ("ok", vec!["database"]));
    }

    #[tokio::test]
    async fn all_who_ask_at_once_or_go_away_share_one_run() {
        let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = runs.clone();
        let checks = Checks::default().required("database", Duration::from_secs(5), move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok("fine".to_owned())
            }
        });
        for _ in 0..5 {
            // Goes away long before the run ends.
            let _ = tokio::time::timeout(Duration::from_millis(1), checks.report()).await;
        }
        let (first, second) = tokio::join!(checks.report(), checks.report());
        assert_eq!(first, second);
        assert_eq!(checks.report().await, first, "a report lasts for a second");
        assert_eq!(runs.load(std::sync::atomic::Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_switched_off_check_has_no_series_and_the_others_have_theirs() {
        crate::metric::switch_to_local_recorders();
        let recorder = metrics_util::debugging::DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let on = |name| Check {
            name,
            kind: Kind::Asked {
                required: false,
                deadline: Duration::from_secs(1),
                work: Arc::new(|| Box::pin(async { Err("gone".to_owned()) })),
            },
        };
        let _guard = metrics::set_default_local_recorder(&recorder);
        run(on("loki")).await;
        run(Check { name: "telegram", kind: Kind::Disabled("off".to_owned()) }).await;
        let series = snapshotter.snapshot().into_vec().into_iter();
        let checks: std::collections::BTreeSet<String> = series
            .flat_map(|(key, ..)| key.key().labels().map(|label| label.value().to_owned()).collect::<Vec<_>>())
            .collect();
        assert_eq!(checks, ["loki".to_owned()].into());
    }
}
