//! Claims and their leases: one vocabulary for runs of jobs and training runs.
//!
//! A *claim* is the exclusive right to a run, proven by an id in its row. Its *lease* says until when it is valid unless
//! it is *renewed*; a *heartbeat* is a renewal that also proves that the process is alive. A lease that has *expired* may
//! be taken away, but only while [`LeaseClock::can_judge`] says so. The SQL is with the tables: `scheduler/claim.rs`
//! and `scheduler/history.rs` for jobs, `training/` for training runs.

mod clock;

use std::time::Duration;

pub use clock::LeaseClock;

use crate::timestamp::micros;

/// How often a run of a job renews its lease.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before a heartbeat that failed is tried again.
pub const HEARTBEAT_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The lease of a job's run: without a heartbeat for this long, it counts as dead.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30);

/// How far the clocks of servers on one database may lie apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// After this time without a recorded heartbeat a run stops its work: from then on another server, whose clock may be
/// ahead, can abort it and begin the next.
pub const SELF_STOP_TIMEOUT: Duration = HEARTBEAT_TIMEOUT.saturating_sub(CLOCK_SKEW);

/// A training run's lease that ends later than this many leases from now was written before the clock was put back. As many,
/// so that servers may be configured with different leases.
const MAX_TRAINING_LEASES_AHEAD: u32 = 10;

/// Between which times a valid lease ends, in the tables' unit. One that ends later was written before a clock was put back.
#[derive(Clone, Copy, Debug)]
pub struct ValidLease {
    now: i64,
    /// The latest time at which a valid lease ends.
    pub latest: i64,
}

impl ValidLease {
    /// The leases of jobs, as judged at `now`.
    pub fn of_jobs(now: i64) -> Self {
        Self { now, latest: lease_until(now, HEARTBEAT_TIMEOUT + CLOCK_SKEW) }
    }

    /// The leases of training runs, which last for `lease` here, as judged at `now`.
    pub fn of_training_runs(now: i64, lease: Duration) -> Self {
        Self { now, latest: lease_until(now, lease.saturating_mul(MAX_TRAINING_LEASES_AHEAD)) }
    }

    /// Whether a lease that ends at `lease_until` has expired.
    pub fn has_expired(self, lease_until: i64) -> bool {
        lease_until <= self.now || lease_until > self.latest
    }

    /// The heartbeats of living runs of jobs: not before the first time, nor after the second.
    pub fn heartbeats(self) -> (i64, i64) {
        (self.now - micros(HEARTBEAT_TIMEOUT), self.latest)
    }
}

/// The end of a lease that is claimed or renewed at `now`, in the tables' unit.
pub fn lease_until(now: i64, lease: Duration) -> i64 {
    now.saturating_add(micros(lease))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::now_micros;

    #[test]
    fn a_lease_from_before_the_clock_was_put_back_has_expired() {
        let now = now_micros();
        let valid = ValidLease::of_jobs(now);
        assert!(!valid.has_expired(lease_until(now, HEARTBEAT_TIMEOUT)));
        assert!(valid.has_expired(now));
        assert!(valid.has_expired(now + 3_600_000_000));
    }
}
