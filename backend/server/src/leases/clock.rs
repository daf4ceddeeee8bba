//! When leases can be judged. A lease is a time by the machine's clock: a clock that was put forward ends them all at
//! once. So does a time in which nobody could renew them, because the database was away or the process stood still.
//! After each, living holders get the time to renew before anyone takes their claims away.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::CLOCK_SKEW;
use crate::events::jobs::ClockJumped;
use crate::timestamp::{micros, now_micros};

/// The scheduler compares the clocks every second; after this long without, the process stood still.
const STANDSTILL: Duration = Duration::from_secs(15);

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
        self.clocks().disturb();
    }

    /// Whether a living holder that renews its lease within `lease` has had the time to do so since the last disturbance.
    pub fn can_judge(&self, lease: Duration) -> bool {
        // A jump counts from the moment on that somebody judges by the new time, whoever notices it first.
        self.compare_clocks();
        self.clocks().are_undisturbed_for(lease)
    }

    fn clocks(&self) -> MutexGuard<'_, Clocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two clocks as they were last seen together.
struct Clocks {
    seen: (i64, Instant),
    disturbed: Option<Instant>,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { seen: (now_micros(), Instant::now()), disturbed: None }
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
        if has_jumped || elapsed >= STANDSTILL {
            self.disturbed = Some(steady);
        }
        has_jumped.then_some(jump as f64 / 1e6)
    }

    fn disturb(&mut self) {
        self.disturbed = Some(Instant::now());
    }

    fn are_undisturbed_for(&self, time: Duration) -> bool {
        self.disturbed.is_none_or(|since| since.elapsed() > time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leases::HEARTBEAT_TIMEOUT;

    #[test]
    fn a_jump_a_standstill_and_an_outage_disturb() {
        let (wall, steady) = (now_micros(), Instant::now());
        let mut clocks = Clocks { seen: (wall, steady), disturbed: None };
        let later = steady + Duration::from_secs(5);
        assert_eq!(clocks.compare(wall + 5_400_000, later), None);
        assert!(clocks.are_undisturbed_for(HEARTBEAT_TIMEOUT));
        assert_eq!(clocks.compare(wall + 5_400_000 - 3_600_000_000, later), Some(-3_600.0));
        assert!(!clocks.are_undisturbed_for(HEARTBEAT_TIMEOUT));

        let mut clocks = Clocks { seen: (wall, steady), disturbed: None };
        assert_eq!(clocks.compare(wall + 20_000_000, steady + Duration::from_secs(20)), None);
        assert!(!clocks.are_undisturbed_for(HEARTBEAT_TIMEOUT), "its own leases may be over");

        let mut clocks = Clocks::default();
        clocks.disturb();
        assert!(!clocks.are_undisturbed_for(HEARTBEAT_TIMEOUT));
    }
}
