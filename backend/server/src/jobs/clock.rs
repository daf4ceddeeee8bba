//! Notices that the machine's clock was put forward or back, by holding it against one that only runs forward.

use std::time::{Duration, Instant};

use super::record::{SILENCE, SKEW, micros};
use crate::database::now_micros;

/// The two clocks as they were last seen together.
pub(super) struct Watch {
    seen: (i64, Instant),
    jumped: Option<Instant>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { seen: (now_micros(), Instant::now()), jumped: None }
    }
}

impl Watch {
    /// Looks at both clocks. Returns by how many seconds the machine's has jumped since the last look, if it has.
    pub(super) fn look(&mut self) -> Option<f64> {
        self.compare(now_micros(), Instant::now())
    }

    fn compare(&mut self, wall: i64, steady: Instant) -> Option<f64> {
        let (wall_before, steady_before) = std::mem::replace(&mut self.seen, (wall, steady));
        let jump = (wall - wall_before) - micros(steady - steady_before);
        if jump.abs() <= micros(SKEW) {
            return None;
        }
        self.jumped = Some(steady);
        Some(jump as f64 / 1e6)
    }

    /// Whether leases can be judged. After a jump they were written by another time, until their holders have had the
    /// opportunity to write them anew.
    pub(super) fn is_settled(&self) -> bool {
        self.jumped.is_none_or(|jumped| jumped.elapsed() > SILENCE + Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jump_unsettles() {
        let (wall, steady) = (now_micros(), Instant::now());
        let mut watch = Watch { seen: (wall, steady), jumped: None };
        let later = steady + Duration::from_secs(5);
        assert_eq!(watch.compare(wall + 5_400_000, later), None);
        assert!(watch.is_settled());
        assert_eq!(watch.compare(wall + 5_400_000 - 3_600_000_000, later), Some(-3_600.0));
        assert!(!watch.is_settled());
    }
}
