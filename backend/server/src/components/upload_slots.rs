//! The uploads that may be in flight at the same time.
//!
//! A slot belongs to whoever keeps up. When all are taken, a new upload gets that of the slowest whose client has brought
//! less than the least rate for a while, so that a few clients that send next to nothing do not block all others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long an upload is waited for before its slot may be given away.
const PATIENCE: Duration = Duration::from_secs(2);

/// All slots.
pub struct UploadSlots {
    most: usize,
    bytes_per_second: u64,
    taken: Mutex<Vec<Arc<Holder>>>,
}

struct Holder {
    progress: Arc<UploadProgress>,
    given_away: CancellationToken,
}

/// How an upload's bytes come, as its body tells.
#[derive(Default)]
pub struct UploadProgress(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    waited: Duration,
    waiting_since: Option<Instant>,
    bytes: u64,
}

impl UploadProgress {
    fn with<T>(&self, use_progress: impl FnOnce(&mut Progress) -> T) -> T {
        use_progress(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The client is waited for.
    pub fn wait(&self) {
        self.with(|progress| {
            progress.waiting_since.get_or_insert_with(Instant::now);
        });
    }

    /// Bytes came.
    pub fn advance(&self, bytes: usize) {
        self.with(|progress| {
            progress.waited += progress.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
            progress.bytes += bytes as u64;
        });
    }

    /// Bytes per second of waiting, once there was enough of that to tell.
    fn rate(&self) -> Option<f64> {
        self.with(|progress| {
            let waited = progress.waited + progress.waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
            (waited >= PATIENCE).then(|| progress.bytes as f64 / waited.as_secs_f64())
        })
    }
}

impl UploadSlots {
    /// `most` slots, which an upload that brings `bytes_per_second` keeps.
    pub fn new(most: usize, bytes_per_second: u64) -> Self {
        Self { most, bytes_per_second, taken: Mutex::default() }
    }

    /// Takes a slot; nothing when all are taken by uploads that keep up.
    pub fn acquire(&self, progress: Arc<UploadProgress>) -> Option<UploadSlot<'_>> {
        let holder = Arc::new(Holder { progress, given_away: CancellationToken::new() });
        let mut taken = self.taken();
        if taken.len() >= self.most {
            let rates = taken.iter().enumerate().filter_map(|(at, holder)| Some((at, holder.progress.rate()?)));
            let slow = rates.filter(|(_, rate)| *rate < self.bytes_per_second as f64);
            let (slowest, _) = slow.min_by(|(_, one), (_, other)| one.total_cmp(other))?;
            taken.swap_remove(slowest).given_away.cancel();
        }
        taken.push(holder.clone());
        Some(UploadSlot { slots: self, holder })
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Holder>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One slot, until it is dropped.
pub struct UploadSlot<'s> {
    slots: &'s UploadSlots,
    holder: Arc<Holder>,
}

impl UploadSlot<'_> {
    /// Runs `upload` unless the slot is given away before it ends.
    pub async fn run<T>(&self, upload: impl Future<Output = T>) -> Option<T> {
        self.holder.given_away.run_until_cancelled(upload).await
    }
}

impl Drop for UploadSlot<'_> {
    fn drop(&mut self) {
        self.slots.taken().retain(|other| !Arc::ptr_eq(other, &self.holder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(waited: Duration, bytes: u64) -> Arc<UploadProgress> {
        Arc::new(UploadProgress(Mutex::new(Progress { waited, waiting_since: None, bytes })))
    }

    #[tokio::test]
    async fn a_slot_goes_from_the_slowest_to_a_new_upload() {
        let slots = UploadSlots::new(2, 100);
        let kept = slots.acquire(progress(PATIENCE, 1_000)).unwrap();
        let lost = slots.acquire(progress(PATIENCE, 1)).unwrap();
        let new = slots.acquire(progress(PATIENCE / 2, 0)).unwrap();
        assert_eq!(lost.run(std::future::pending::<()>()).await, None);
        assert_eq!(kept.run(async { 1 }).await, Some(1));
        drop(lost);
        assert!(slots.acquire(Arc::default()).is_none(), "one keeps up, and the other was not waited for long enough");
        drop(new);
        assert!(slots.acquire(Arc::default()).is_some());
    }
}
