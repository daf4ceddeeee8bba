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

/// Between which times the lease of a living job ends, in the tables' unit.
#[derive(Clone, Copy, Debug)]
pub struct ValidLease {
    now: i64,
    latest: i64,
}

impl ValidLease {
    /// As judged at `now`.
    pub fn at(now: i64) -> Self {
        Self { now, latest: now.saturating_add(micros(HEARTBEAT_TIMEOUT + CLOCK_SKEW)) }
    }

    /// Whether a lease that ends at `lease_until` has expired. One that ends further ahead than any that is written now
    /// was written before a clock was put back.
    pub fn has_expired(self, lease_until: i64) -> bool {
        lease_until <= self.now || lease_until > self.latest
    }

    /// The heartbeats of living runs: not before the first time, nor after the second.
    pub fn heartbeats(self) -> (i64, i64) {
        (self.now - micros(HEARTBEAT_TIMEOUT), self.latest)
    }
}

/// The end of a job's lease that is claimed or renewed at `now`.
pub fn job_lease_until(now: i64) -> i64 {
    now.saturating_add(micros(HEARTBEAT_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::now_micros;

    #[test]
    fn a_lease_from_before_the_clock_was_put_back_has_expired() {
        let now = now_micros();
        let valid = ValidLease::at(now);
        assert!(!valid.has_expired(job_lease_until(now)));
        assert!(valid.has_expired(now));
        assert!(valid.has_expired(now + 3_600_000_000));
    }
}
