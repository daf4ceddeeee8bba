//! When leases can be judged, which hold for half a minute by the machine's clock. A clock that was put forward ends them
//! all at once; so does a time in which nobody could renew them, because the database was away or the process stood
//! still. After each the living get the time to renew theirs.

use std::time::{Duration, Instant};

use super::record::{SKEW, micros};
use crate::database::now_micros;

/// The scheduler looks every second; after this long without, the process stood still.
const STANDSTILL: Duration = Duration::from_secs(15);

/// The two clocks as they were last seen together.
pub(super) struct Watch {
    seen: (i64, Instant),
    unsettled: Option<Instant>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { seen: (now_micros(), Instant::now()), unsettled: None }
    }
}

impl Watch {
    /// Looks at both clocks. Returns by how many seconds the machine's has jumped since the last look, if it has.
    pub(super) fn look(&mut self) -> Option<f64> {
        self.compare(now_micros(), Instant::now())
    }

    fn compare(&mut self, wall: i64, steady: Instant) -> Option<f64> {
        let (wall_before, steady_before) = std::mem::replace(&mut self.seen, (wall, steady));
        let elapsed = steady - steady_before;
        let jump = (wall - wall_before) - micros(elapsed);
        let has_jumped = jump.abs() > micros(SKEW);
        if has_jumped || elapsed >= STANDSTILL {
            self.unsettled = Some(steady);
        }
        has_jumped.then_some(jump as f64 / 1e6)
    }

    /// The database is away, so nobody can renew a lease.
    pub(super) fn unsettle(&mut self) {
        self.unsettled = Some(Instant::now());
    }

    /// Whether whoever lives and renews its lease within this time has had the time to do so.
    pub(super) fn is_settled_for(&self, time: Duration) -> bool {
        self.unsettled.is_none_or(|since| since.elapsed() > time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::record::SILENCE;

    #[test]
    fn a_jump_and_a_standstill_unsettle() {
        let (wall, steady) = (now_micros(), Instant::now());
        let mut watch = Watch { seen: (wall, steady), unsettled: None };
        let later = steady + Duration::from_secs(5);
        assert_eq!(watch.compare(wall + 5_400_000, later), None);
        assert!(watch.is_settled_for(SILENCE));
        assert_eq!(watch.compare(wall + 5_400_000 - 3_600_000_000, later), Some(-3_600.0));
        assert!(!watch.is_settled_for(SILENCE));

        let mut watch = Watch { seen: (wall, steady), unsettled: None };
        assert_eq!(watch.compare(wall + 20_000_000, steady + Duration::from_secs(20)), None);
        assert!(!watch.is_settled_for(SILENCE), "its own leases may be over");

        let mut watch = Watch::default();
        watch.unsettle();
        assert!(!watch.is_settled_for(SILENCE));
    }
}
