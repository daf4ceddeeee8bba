//! Bodies that are read into memory as a whole: their size, their time and the memory for all of them are bounded.
//!
//! A large body on a slow line may take long, as long as nobody else needs the memory that it holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// The unit of the budget.
const UNIT_BYTES: usize = 1024;

/// Not counted of each body, so that small requests are served while large ones have taken all memory. The number of
/// connections bounds these.
const FREE_BYTES: usize = 16 * 1024;

/// Bodies of senders that are not known before they are read share this part of `SERVER__MAX_BUFFERED_BYTES`, in addition to it.
pub const UNVERIFIED_PART: u64 = 8;

/// How long the memory of a body that has to give it up may take to be free.
const GIVING_UP: Duration = Duration::from_secs(1);

/// The memory for bodies that are coming in, and how long one may take. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    units: Arc<Semaphore>,
    holders: Arc<Mutex<Vec<Arc<Holder>>>>,
    patience: Duration,
    bytes_per_second: u64,
}

/// A body that holds memory of the budget.
struct Holder {
    since: Instant,
    given_up: CancellationToken,
}

impl BodyBudget {
    /// A budget of `bytes`. A body may take `patience`, and a second more for each `bytes_per_second` that it has brought;
    /// beyond its `patience` it loses its memory to the next one that needs it.
    pub fn new(bytes: u64, patience: Duration, bytes_per_second: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT_BYTES;
        let units = Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS)));
        Self { units, holders: Arc::default(), patience, bytes_per_second }
    }

    /// Reads a body of at most `limit_bytes`.
    ///
    /// # Errors
    /// 413 for a larger one, 408 for one that is too slow, 503 when the budget is used up, 400 for one that ends early.
    pub async fn read(&self, body: Body, limit_bytes: usize) -> Result<Bytes> {
        if body.size_hint().lower() > limit_bytes as u64 {
            return Err(Error::TooLarge { limit_bytes: limit_bytes as u64 });
        }
        let holder = Arc::new(Holder { since: Instant::now(), given_up: CancellationToken::new() });
        let registration = Registration { budget: self, holder: holder.clone() };
        let read = holder.given_up.run_until_cancelled(self.read_on(body, limit_bytes, &registration)).await;
        read.unwrap_or_else(|| {
            let seconds = self.patience.as_secs_f64();
            Err(Error::TooSlow(format!("all of it within {seconds} s while others wait for the memory")))
        })
    }

    async fn read_on(&self, body: Body, limit_bytes: usize, registration: &Registration<'_>) -> Result<Bytes> {
        let mut pieces = body.into_data_stream();
        let mut buffer: Vec<u8> = Vec::new();
        let mut share: Option<SemaphorePermit<'_>> = None;
        loop {
            let earned = Duration::from_secs_f64(buffer.len() as f64 / self.bytes_per_second as f64);
            let deadline = registration.holder.since + self.patience + earned;
            let piece = tokio::time::timeout_at(deadline, pieces.next()).await.map_err(|_| self.too_slow())?;
            let Some(piece) = piece else { return Ok(buffer.into()) };
            let piece = piece.map_err(|error| Error::from_body(&error))?;
            let needed = buffer.len() + piece.len();
            if needed > limit_bytes {
                return Err(Error::TooLarge { limit_bytes: limit_bytes as u64 });
            }
            if needed > buffer.capacity() {
                let capacity = (buffer.capacity() * 2).min(limit_bytes).max(needed);
                self.extend(&mut share, capacity, registration).await?;
                buffer.reserve_exact(capacity - buffer.len());
            }
            buffer.extend_from_slice(&piece);
        }
    }

    fn too_slow(&self) -> Error {
        let (seconds, rate) = (self.patience.as_secs_f64(), self.bytes_per_second);
        Error::TooSlow(format!("all of it within {seconds} s and a second for each {rate} bytes"))
    }

    /// Makes a body's share of the budget large enough for this capacity.
    async fn extend<'b>(
        &'b self,
        share: &mut Option<SemaphorePermit<'b>>,
        capacity: usize,
        registration: &Registration<'_>,
    ) -> Result<()> {
        let units = capacity.saturating_sub(FREE_BYTES).div_ceil(UNIT_BYTES);
        let held = share.as_ref().map_or(0, SemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(units.saturating_sub(held)) else { return Err(Error::BuffersFull) };
        if more == 0 {
            return Ok(());
        }
        let more = self.acquire(more).await?;
        match share {
            Some(share) => share.merge(more),
            None => {
                self.holders().push(registration.holder.clone());
                *share = Some(more);
            }
        }
        Ok(())
    }

    async fn acquire(&self, units: u32) -> Result<SemaphorePermit<'_>> {
        if let Ok(permit) = self.units.try_acquire_many(units) {
            return Ok(permit);
        }
        while self.take_from_slowest() {
            if let Ok(Ok(permit)) = tokio::time::timeout(GIVING_UP, self.units.acquire_many(units)).await {
                return Ok(permit);
            }
        }
        Err(Error::BuffersFull)
    }

    /// Ends the body that has taken longest, if that is longer than its patience. Returns whether there was one.
    fn take_from_slowest(&self) -> bool {
        let mut holders = self.holders();
        let oldest = holders.iter().enumerate().min_by_key(|(_, holder)| holder.since).map(|(index, _)| index);
        let Some(oldest) = oldest.filter(|oldest| holders[*oldest].since.elapsed() >= self.patience) else {
            return false;
        };
        holders.swap_remove(oldest).given_up.cancel();
        true
    }

    fn holders(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Holder>>> {
        // No code that can panic runs under the lock.
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that is being read, and holds memory once it is among the holders; removed from these when dropped.
struct Registration<'b> {
    budget: &'b BodyBudget,
    holder: Arc<Holder>,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.budget.holders().retain(|other| !Arc::ptr_eq(other, &self.holder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    const RATE: u64 = 1024;

    /// A body of `size` bytes that never ends.
    fn unfinished(size: usize) -> Body {
        let first = futures::stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(vec![b' '; size])) });
        Body::from_stream(first.chain(futures::stream::pending()))
    }

    #[tokio::test]
    async fn large_bodies_share_the_budget_and_give_it_back() {
        let budget = BodyBudget::new(100 * 1024, PATIENCE, RATE);
        let mut large = Box::pin(budget.read(unfinished(80 * 1024), 1 << 20));
        assert!(futures::poll!(&mut large).is_pending());
        let refused = budget.read(Body::from(vec![b' '; 80 * 1024]), 1 << 20).await;
        assert!(matches!(refused, Err(Error::BuffersFull)), "{refused:?}");
        assert_eq!(budget.read(Body::from("small"), 1 << 20).await.unwrap(), "small");
        drop(large);
        assert_eq!(budget.read(Body::from(vec![b' '; 80 * 1024]), 1 << 20).await.unwrap().len(), 80 * 1024);
        assert_eq!(budget.units.available_permits(), 100);
        assert!(budget.holders().is_empty());
    }

    #[tokio::test]
    async fn a_slow_body_loses_its_memory_to_others() {
        let budget = BodyBudget::new(100 * 1024, Duration::from_millis(20), 1);
        let slow = budget.clone();
        let slow = tokio::spawn(async move { slow.read(unfinished(80 * 1024), 1 << 20).await });
        // A body that is not asked for its memory may go on.
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(!slow.is_finished());
        assert_eq!(budget.read(Body::from(vec![b' '; 80 * 1024]), 1 << 20).await.unwrap().len(), 80 * 1024);
        let ended = slow.await.unwrap();
        assert!(matches!(&ended, Err(Error::TooSlow(expected)) if expected.contains("others")), "{ended:?}");
        assert_eq!(budget.units.available_permits(), 100);
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_too_slow() {
        let budget = BodyBudget::new(1 << 20, Duration::from_millis(1), RATE);
        let ended = budget.read(unfinished(1), 1 << 20).await;
        assert!(matches!(ended, Err(Error::TooSlow(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn what_a_body_has_brought_gives_it_more_time() {
        let budget = BodyBudget::new(1 << 20, Duration::from_millis(1), 100);
        let mut longer = Box::pin(budget.read(unfinished(10_000), 1 << 20));
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut longer).await.is_err(), "100 s are earned");
        let short = budget.read(unfinished(1), 1 << 20);
        assert!(tokio::time::timeout(PATIENCE, short).await.is_ok_and(|ended| ended.is_err()));
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_by_its_length() {
        let budget = BodyBudget::new(1 << 20, PATIENCE, RATE);
        let ended = budget.read(Body::from(vec![0; 11]), 10).await;
        assert!(matches!(ended, Err(Error::TooLarge { limit_bytes: 10 })), "{ended:?}");
    }
}
