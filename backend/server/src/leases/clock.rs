//! When expired leases may be acted on. A lease ends at a time of the machine's clock: a clock that was put forward expires them
//! all at once. So does a time in which none could be renewed, because the database was away or the process was paused. After
//! either, expiry is suspended until living holders have had the time to renew.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::CLOCK_SKEW;
use crate::events::jobs::ClockJumped;
use crate::timestamp::{micros, now_micros};

/// The scheduler compares the clocks every second; when it has not for this long, the process was paused.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// Says whether leases can be judged; shared by the scheduler, the jobs and the reaper of training runs.
#[derive(Default)]
pub struct LeaseClock(Mutex<Clocks>);

impl LeaseClock {
    /// Compares the machine's clock with one that never jumps, and logs a jump.
    pub fn compare_clocks(&self) {
        if let Some(seconds) = self.clocks().compare_now() {
            ClockJumped { seconds }.emit();
        }
    }

    /// The database is away, so nobody can renew a lease.
    pub fn database_is_away(&self) {
        self.clocks().suspend_expiry();
    }

    /// Whether a living holder that renews its lease within `lease` has had the time to do so since expiry was last suspended.
    pub fn can_judge(&self, lease: Duration) -> bool {
        // A jump counts from the moment on that somebody judges by the new time, whoever notices it first.
        self.compare_clocks();
        self.clocks().is_stable_for(lease)
    }

    fn clocks(&self) -> MutexGuard<'_, Clocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two clocks as they were last seen together.
struct Clocks {
    seen: (i64, Instant),
    suspended_at: Option<Instant>,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { seen: (now_micros(), Instant::now()), suspended_at: None }
    }
}

impl Clocks {
    /// Returns by how many seconds the machine's clock has jumped since the last comparison, if it has.
    fn compare_now(&mut self) -> Option<f64> {
        self.compare(now_micros(), Instant::now())
    }

    fn compare(&mut self, wall: i64, steady: Instant) -> Option<f64> {
        let (wall_before, steady_before) = std::mem::replace(&mut self.seen, (wall, steady));
        let elapsed = steady - steady_before;
        let jump = (wall - wall_before) - micros(elapsed);
        let has_jumped = jump.abs() > micros(CLOCK_SKEW);
        if has_jumped || elapsed >= MAX_PAUSE {
            self.suspended_at = Some(steady);
        }
        has_jumped.then_some(jump as f64 / 1e6)
    }

    fn suspend_expiry(&mut self) {
        self.suspended_at = Some(Instant::now());
    }

    fn is_stable_for(&self, time: Duration) -> bool {
        self.suspended_at.is_none_or(|since| since.elapsed() > time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leases::HEARTBEAT_TIMEOUT;

    #[test]
    fn a_jump_a_pause_and_an_outage_suspend_expiry() {
        let (wall, steady) = (now_micros(), Instant::now());
        let mut clocks = Clocks { seen: (wall, steady), suspended_at: None };
        let later = steady + Duration::from_secs(5);
        assert_eq!(clocks.compare(wall + 5_400_000, later), None);
        assert!(clocks.is_stable_for(HEARTBEAT_TIMEOUT));
        assert_eq!(clocks.compare(wall + 5_400_000 - 3_600_000_000, later), Some(-3_600.0));
        assert!(!clocks.is_stable_for(HEARTBEAT_TIMEOUT));

        let mut clocks = Clocks { seen: (wall, steady), suspended_at: None };
        assert_eq!(clocks.compare(wall + 20_000_000, steady + Duration::from_secs(20)), None);
        assert!(!clocks.is_stable_for(HEARTBEAT_TIMEOUT), "its own leases may be over");

        let mut clocks = Clocks::default();
        clocks.suspend_expiry();
        assert!(!clocks.is_stable_for(HEARTBEAT_TIMEOUT));
    }
}
