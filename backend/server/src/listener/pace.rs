//! Whether a client keeps up: in each window of time that was spent waiting for it, a least number of bytes must move.
//!
//! Only waiting counts, so a slow disk here is not held against the client.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of one body, or of what is written to one connection.
pub struct Pace {
    window: Duration,
    least_bytes: u64,
    /// Waited in this window, but for the wait that goes on.
    waited: Duration,
    waiting_since: Option<Instant>,
    moved_bytes: u64,
}

impl Pace {
    /// A pace that asks for `bytes_per_second` on average over each `window` of waiting.
    pub fn at_rate(window: Duration, bytes_per_second: u64) -> Self {
        Self::new(window, (bytes_per_second as f64 * window.as_secs_f64()).ceil() as u64)
    }

    /// A pace that asks for `least_bytes` in each `window` of waiting.
    fn new(window: Duration, least_bytes: u64) -> Self {
        Self { window, least_bytes, waited: Duration::ZERO, waiting_since: None, moved_bytes: 0 }
    }

    /// The client is waited for. Returns when [`Self::is_too_slow`] is to be asked.
    pub fn wait(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.window.saturating_sub(self.waited)
    }

    /// What must move in each window.
    pub fn least_bytes(&self) -> u64 {
        self.least_bytes
    }

    /// Bytes moved. The clock is only read if they were waited for.
    pub fn advance(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now() - since;
        }
        self.moved_bytes = self.moved_bytes.saturating_add(bytes as u64);
    }

    /// Bytes moved that no call of [`Self::advance`] told of.
    pub fn add(&mut self, bytes: u64) {
        self.moved_bytes = self.moved_bytes.saturating_add(bytes);
    }

    /// Whether too little moved in the window that has passed. If not, the next one begins.
    pub fn is_too_slow(&mut self, now: Instant) -> bool {
        let too_slow = self.moved_bytes < self.least_bytes;
        if !too_slow {
            (self.waited, self.waiting_since, self.moved_bytes) = (Duration::ZERO, Some(now), 0);
        }
        too_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_trickle_below_the_rate_is_too_slow() {
        let (mut pace, started) = (Pace::new(WINDOW, 100), Instant::now());
        for second in 0..9 {
            pace.wait(started + SECOND * second);
            pace.advance(10, || started + SECOND * (second + 1));
        }
        assert_eq!(pace.wait(started + SECOND * 9), started + WINDOW);
        assert!(pace.is_too_slow(started + WINDOW));
    }

    #[test]
    fn bytes_of_one_window_do_not_count_in_the_next() {
        let (mut pace, started) = (Pace::new(WINDOW, 100), Instant::now());
        pace.advance(1_000_000, || started);
        assert_eq!(pace.wait(started), started + WINDOW);
        assert!(!pace.is_too_slow(started + WINDOW));
        assert_eq!(pace.wait(started + WINDOW), started + WINDOW * 2);
        assert!(pace.is_too_slow(started + WINDOW * 2));
    }

    #[test]
    fn time_in_which_nobody_waits_does_not_count() {
        let (mut pace, started) = (Pace::new(WINDOW, 100), Instant::now());
        pace.advance(1, || started);
        assert_eq!(pace.wait(started + WINDOW * 5), started + WINDOW * 6);
    }
}
