//! Whether this process's workers live: each shows itself while it waits and while it trains.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longer than any pause of a worker; silent for this long, it is stuck.
const SILENCE: Duration = Duration::from_secs(20);

/// How often a worker shows itself while it trains.
pub const BEAT: Duration = Duration::from_secs(1);

/// Stands for a worker that has not begun, or one that has no run.
const NEVER: u64 = u64::MAX;

/// The signs of life of this process's workers. Times are milliseconds since this was made, by a clock that never jumps.
pub struct Beats {
    began: Instant,
    workers: Vec<Worker>,
}

struct Worker {
    seen: AtomicU64,
    busy_since: AtomicU64,
}

impl Beats {
    /// For this many workers.
    pub fn new(workers: u32) -> Self {
        let worker = |_| Worker { seen: AtomicU64::new(NEVER), busy_since: AtomicU64::new(NEVER) };
        Self { began: Instant::now(), workers: (0..workers).map(worker).collect() }
    }

    /// Worker `number`, from 0, lives.
    pub fn beat(&self, number: usize) {
        self.workers[number].seen.store(self.now(), Ordering::Relaxed);
    }

    /// Worker `number` begins a run.
    pub fn busy(&self, number: usize) {
        self.workers[number].busy_since.store(self.now(), Ordering::Relaxed);
    }

    /// Worker `number` has no run any more.
    pub fn idle(&self, number: usize) {
        self.workers[number].busy_since.store(NEVER, Ordering::Relaxed);
    }

    /// What the workers do, or which one does nothing. No run may take longer than `longest_run`.
    pub fn verdict(&self, longest_run: Duration) -> Result<String, String> {
        let (now, count) = (self.now(), self.workers.len());
        let mut training = 0;
        for (number, worker) in self.workers.iter().enumerate() {
            let number = number + 1;
            let seen = worker.seen.load(Ordering::Relaxed);
            if seen == NEVER {
                return Err(format!("worker {number} of {count} has not begun"));
            }
            let silent = Duration::from_millis(now.saturating_sub(seen));
            if silent > SILENCE {
                return Err(format!("worker {number} of {count} is silent for {} s", silent.as_secs()));
            }
            let busy_since = worker.busy_since.load(Ordering::Relaxed);
            let busy = Duration::from_millis(now.saturating_sub(busy_since));
            if busy > longest_run {
                return Err(format!("worker {number} of {count} has one run for {} s", busy.as_secs()));
            }
            training += u32::from(busy_since != NEVER);
        }
        Ok(format!("{training} of {count} at work"))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn all_must_have_begun_and_those_at_work_are_counted() {
        let beats = Beats::new(2);
        beats.beat(0);
        assert_eq!(beats.verdict(HOUR), Err("worker 2 of 2 has not begun".to_owned()));
        beats.beat(1);
        beats.busy(1);
        assert_eq!(beats.verdict(HOUR), Ok("1 of 2 at work".to_owned()));
        beats.idle(1);
        assert_eq!(beats.verdict(HOUR), Ok("0 of 2 at work".to_owned()));
    }

    #[test]
    fn a_silent_worker_and_an_endless_run_are_told() {
        let ago = Instant::now().checked_sub(Duration::from_secs(60)).expect("the machine runs for a minute");
        let beats = Beats { began: ago, ..Beats::new(1) };
        beats.workers[0].seen.store(10_000, Ordering::Relaxed);
        assert_eq!(beats.verdict(HOUR), Err("worker 1 of 1 is silent for 50 s".to_owned()));
        beats.beat(0);
        beats.workers[0].busy_since.store(20_000, Ordering::Relaxed);
        assert_eq!(beats.verdict(Duration::from_secs(39)), Err("worker 1 of 1 has one run for 40 s".to_owned()));
        assert_eq!(beats.verdict(HOUR), Ok("1 of 1 at work".to_owned()));
    }
}
