//! How the process stops: the phases, and how long each may take. The signals that begin it are
//! `belfry_telemetry::Signals`.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::ServerConfig;

/// How long pending logs and spans may take to be delivered at the end, and no more than a quarter of the grace.
const FLUSH: Duration = Duration::from_secs(3);

/// Of the time before the flush: for work to end. The rest is for giving up what does not.
const WORK_SHARE: f64 = 0.85;

/// Of the grace without the flush: what may be used. The rest is for the threads to end.
const USED_SHARE: f64 = 0.95;

/// How long it may take to stop a run's process and to hand the run back, and no more than half of the time for work.
const HAND_BACK: Duration = Duration::from_secs(2);

/// The phases of a shutdown. Each begins when its token is cancelled, and lasts to the end.
///
/// ```text
/// SIGTERM                                                                      exit
///    │ SERVER__DRAIN │             SERVER__SHUTDOWN_GRACE                        │
///    ├───────────────┼───────────────┬───────────┬──────────┬──────────┬─────────┤
///    │ draining      │ stopping      │ hand_back │ cut_off  │ storage  │ flush   │
///    │               │               │           │          │          │         │
///    │ /readyz says  │ nothing new   │ training  │ requests │ unfinish-│ logs and│
///    │ 503, all else │ is accepted;  │ runs go   │ and jobs │ ed files │ spans   │
///    │ is served     │ work ends     │ back to   │ are      │ are      │ are     │
///    │               │ by itself     │ the queue │ stopped  │ removed  │ sent    │
///    └───────────────┴───────────────┴───────────┴──────────┴──────────┴─────────┘
///      times.drain     .finish     .until_cut_off  .cut_off   .cut_off   .flush
/// ```
///
/// A phase is over as soon as nothing is left to do in it. A second signal ends the process at once.
#[derive(Clone)]
pub struct Shutdown {
    /// The process is not ready for more, and still serves.
    pub draining: CancellationToken,
    /// Nothing new is begun.
    pub stopping: CancellationToken,
    /// Runs that are still trained go back to the queue.
    pub hand_back: CancellationToken,
    /// Requests and jobs that have not ended are stopped.
    pub cut_off: CancellationToken,
    /// How long each phase may take.
    pub times: ShutdownTimes,
}

/// How long each phase may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownTimes {
    /// `SERVER__DRAIN`; only when a signal began the shutdown.
    pub drain: Duration,
    /// For work to end undisturbed.
    pub finish: Duration,
    /// For training processes to stop and their runs to be handed back, which goes on into the cut-off.
    pub hand_back: Duration,
    /// From the hand-back to the cut-off.
    pub until_cut_off: Duration,
    /// For what was cut off to end, and once more for unfinished files to be removed.
    pub cut_off: Duration,
    /// For logs and spans to be delivered.
    pub flush: Duration,
}

impl ShutdownTimes {
    /// Divides `SERVER__SHUTDOWN_GRACE` into phases.
    pub fn new(config: &ServerConfig) -> Self {
        let flush = FLUSH.min(config.shutdown_grace / 4);
        let before_flush = config.shutdown_grace.saturating_sub(flush).mul_f64(USED_SHARE);
        let cut_off = before_flush.mul_f64((1.0 - WORK_SHARE) / 2.0);
        let work = before_flush.mul_f64(WORK_SHARE);
        let hand_back = HAND_BACK.min(before_flush.mul_f64(WORK_SHARE / 2.0));
        let finish = (work + cut_off).saturating_sub(hand_back).min(work);
        Self { drain: config.drain, finish, hand_back, until_cut_off: work.saturating_sub(finish), cut_off, flush }
    }
}

impl Shutdown {
    /// No phase has begun.
    pub fn new(config: &ServerConfig) -> Self {
        Self {
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
            hand_back: CancellationToken::new(),
            cut_off: CancellationToken::new(),
            times: ShutdownTimes::new(config),
        }
    }

    /// Goes through the phases up to the cut-off until `work` has ended. Returns what it returned, or nothing if it had to
    /// be left behind. `drain`: whether to serve on for `SERVER__DRAIN` first.
    pub async fn run<T>(&self, drain: bool, work: impl Future<Output = T>) -> Option<T> {
        let times = &self.times;
        self.draining.cancel();
        if drain && !times.drain.is_zero() {
            tracing::info!(drain_seconds = times.drain.as_secs_f64(), "draining: not ready any more, still serving");
            tokio::time::sleep(times.drain).await;
        }
        tracing::info!("shutdown started");
        self.stopping.cancel();
        let mut work = std::pin::pin!(work);
        if let Ok(done) = tokio::time::timeout(times.finish, &mut work).await {
            return Some(done);
        }
        self.hand_back.cancel();
        if let Ok(done) = tokio::time::timeout(times.until_cut_off, &mut work).await {
            return Some(done);
        }
        tracing::warn!("work cut off near the end of the shutdown grace");
        self.cut_off.cancel();
        tokio::time::timeout(times.cut_off, work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_phases_fit_into_the_grace() {
        for grace in ["100ms", "1s", "4s", "15s", "10m"] {
            let variables = [("SERVER__SHUTDOWN_GRACE".to_owned(), grace.to_owned())];
            let config = Config::read(variables).unwrap().server;
            let ShutdownTimes { finish, hand_back, until_cut_off, cut_off, flush, .. } = ShutdownTimes::new(&config);
            let all = finish + until_cut_off + cut_off * 2 + flush;
            assert!(all <= config.shutdown_grace, "{grace}: {all:?}");
            assert!(hand_back <= until_cut_off + cut_off && finish > Duration::ZERO, "{grace}");
        }
    }
}
