//! Heartbeats of this process's workers: each records one while it waits and while it trains. The health check reads
//! them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any pause of a worker: one that is silent for this long is stuck.
const WORKER_HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a worker records a heartbeat while it trains.
pub const WORKER_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// In place of a time: the worker has not started, or has no run.
const NEVER: u64 = u64::MAX;

/// The heartbeats of this process's workers. Times are milliseconds since this was made, by a clock that never jumps.
pub struct WorkerHeartbeats {
    created: Instant,
    workers: Vec<Worker>,
}

struct Worker {
    last_heartbeat: AtomicU64,
    busy_since: AtomicU64,
    /// Why its last attempt at a run could not start a process.
    start_failure: Mutex<Option<String>>,
}

impl WorkerHeartbeats {
    /// For this many workers.
    pub fn new(workers: u32) -> Self {
        let worker = |_| Worker {
            last_heartbeat: AtomicU64::new(NEVER),
            busy_since: AtomicU64::new(NEVER),
            start_failure: Mutex::default(),
        };
        Self { created: Instant::now(), workers: (0..workers).map(worker).collect() }
    }

    /// Worker `number`, from 0, is alive.
    pub fn record_heartbeat(&self, number: usize) {
        self.workers[number].last_heartbeat.store(self.now(), Ordering::Relaxed);
    }

    /// Worker `number` could not start a process for its run; nothing once it can again.
    pub fn record_start_failure(&self, number: usize, cause: Option<String>) {
        *self.workers[number].start_failure.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    /// Worker `number` begins a run.
    pub fn set_busy(&self, number: usize) {
        self.workers[number].busy_since.store(self.now(), Ordering::Relaxed);
    }

    /// Worker `number` has no run any more.
    pub fn set_idle(&self, number: usize) {
        self.workers[number].busy_since.store(NEVER, Ordering::Relaxed);
    }

    /// How many workers are training, or which one is stuck or cannot start a process. No run may take longer than `longest_run`.
    pub fn check_workers(&self, longest_run: Duration) -> Result<String, String> {
        let (now, count) = (self.now(), self.workers.len());
        let mut busy_workers = 0;
        for (number, worker) in self.workers.iter().enumerate() {
            let number = number + 1;
            let last_heartbeat = worker.last_heartbeat.load(Ordering::Relaxed);
            if last_heartbeat == NEVER {
                return Err(format!("worker {number} of {count} has not started"));
            }
            let silence = Duration::from_millis(now.saturating_sub(last_heartbeat));
            if silence > WORKER_HEARTBEAT_TIMEOUT {
                return Err(format!("worker {number} of {count} sent no heartbeat for {} s", silence.as_secs()));
            }
            if let Some(cause) = &*worker.start_failure.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(format!("worker {number} of {count} cannot start a training process: {cause}"));
            }
            let busy_since = worker.busy_since.load(Ordering::Relaxed);
            let busy = Duration::from_millis(now.saturating_sub(busy_since));
            if busy > longest_run {
                return Err(format!("worker {number} of {count} is busy with one run for {} s", busy.as_secs()));
            }
            busy_workers += u32::from(busy_since != NEVER);
        }
        Ok(format!("{busy_workers} of {count} busy"))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn all_workers_must_have_started_and_busy_ones_are_counted() {
        let heartbeats = WorkerHeartbeats::new(2);
        heartbeats.record_heartbeat(0);
        assert_eq!(heartbeats.check_workers(HOUR), Err("worker 2 of 2 has not started".to_owned()));
        heartbeats.record_heartbeat(1);
        heartbeats.set_busy(1);
        assert_eq!(heartbeats.check_workers(HOUR), Ok("1 of 2 busy".to_owned()));
        heartbeats.set_idle(1);
        assert_eq!(heartbeats.check_workers(HOUR), Ok("0 of 2 busy".to_owned()));
    }

    #[test]
    fn a_worker_that_cannot_start_a_process_is_reported() {
        let heartbeats = WorkerHeartbeats::new(1);
        heartbeats.record_heartbeat(0);
        heartbeats.record_start_failure(0, Some("no process left".to_owned()));
        let expected = "worker 1 of 1 cannot start a training process: no process left";
        assert_eq!(heartbeats.check_workers(HOUR), Err(expected.to_owned()));
        heartbeats.record_start_failure(0, None);
        assert_eq!(heartbeats.check_workers(HOUR), Ok("0 of 1 busy".to_owned()));
    }

    #[test]
    fn a_silent_worker_and_an_endless_run_are_reported() {
        let ago = Instant::now().checked_sub(Duration::from_secs(60)).expect("the machine runs for a minute");
        let heartbeats = WorkerHeartbeats { created: ago, ..WorkerHeartbeats::new(1) };
        heartbeats.workers[0].last_heartbeat.store(10_000, Ordering::Relaxed);
        assert_eq!(heartbeats.check_workers(HOUR), Err("worker 1 of 1 sent no heartbeat for 50 s".to_owned()));
        heartbeats.record_heartbeat(0);
        heartbeats.workers[0].busy_since.store(20_000, Ordering::Relaxed);
        let endless = heartbeats.check_workers(Duration::from_secs(39));
        assert_eq!(endless, Err("worker 1 of 1 is busy with one run for 40 s".to_owned()));
        assert_eq!(heartbeats.check_workers(HOUR), Ok("1 of 1 busy".to_owned()));
    }
}
