//! Bodies that are read into memory as a whole: their size, their time and the memory for all of them are bounded.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};

/// The unit of the budget.
const UNIT_BYTES: usize = 1024;

/// Not counted of each body, so that small requests are served while large ones have taken all memory. The number of
/// connections bounds these.
const FREE_BYTES: usize = 16 * 1024;

/// The memory for bodies that are coming in, and how long one may take. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    units: Arc<Semaphore>,
    deadline: Duration,
}

impl BodyBudget {
    /// A budget of `bytes` for bodies that are complete within `deadline`.
    pub fn new(bytes: u64, deadline: Duration) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT_BYTES;
        Self { units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))), deadline }
    }

    /// Reads a body of at most `limit_bytes`.
    ///
    /// # Errors
    /// 413 for a larger one, 408 after the deadline, 503 when the budget is used up, 400 for one that ends early.
    pub async fn read(&self, body: Body, limit_bytes: usize) -> Result<Bytes> {
        if body.size_hint().lower() > limit_bytes as u64 {
            return Err(Error::TooLarge { limit_bytes: limit_bytes as u64 });
        }
        let seconds = self.deadline.as_secs_f64();
        let expected = || Error::TooSlow(format!("all of it within {seconds} s"));
        tokio::time::timeout(self.deadline, self.read_on(body, limit_bytes)).await.map_err(|_| expected())?
    }

    async fn read_on(&self, body: Body, limit_bytes: usize) -> Result<Bytes> {
        let mut pieces = body.into_data_stream();
        let mut buffer: Vec<u8> = Vec::new();
        let mut share: Option<SemaphorePermit<'_>> = None;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| Error::from_body(&error))?;
            let needed = buffer.len() + piece.len();
            if needed > limit_bytes {
                return Err(Error::TooLarge { limit_bytes: limit_bytes as u64 });
            }
            if needed > buffer.capacity() {
                let capacity = (buffer.capacity() * 2).min(limit_bytes).max(needed);
                self.extend(&mut share, capacity)?;
                buffer.reserve_exact(capacity - buffer.len());
            }
            buffer.extend_from_slice(&piece);
        }
        Ok(buffer.into())
    }

    /// Makes a body's share of the budget large enough for this capacity.
    fn extend<'b>(&'b self, share: &mut Option<SemaphorePermit<'b>>, capacity: usize) -> Result<()> {
        let units = capacity.saturating_sub(FREE_BYTES).div_ceil(UNIT_BYTES);
        let held = share.as_ref().map_or(0, SemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(units.saturating_sub(held)) else { return Err(Error::BuffersFull) };
        let more = self.units.try_acquire_many(more).map_err(|_| Error::BuffersFull)?;
        match share {
            Some(share) => share.merge(more),
            None => *share = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    /// A body of `size` bytes that never ends.
    fn unfinished(size: usize) -> Body {
        let first = futures::stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(vec![b' '; size])) });
        Body::from_stream(first.chain(futures::stream::pending()))
    }

    #[tokio::test]
    async fn large_bodies_share_the_budget_and_give_it_back() {
        let budget = BodyBudget::new(100 * 1024, DEADLINE);
        let mut large = Box::pin(budget.read(unfinished(80 * 1024), 1 << 20));
        assert!(futures::poll!(&mut large).is_pending());
        let refused = budget.read(Body::from(vec![b' '; 80 * 1024]), 1 << 20).await;
        assert!(matches!(refused, Err(Error::BuffersFull)), "{refused:?}");
        assert_eq!(budget.read(Body::from("small"), 1 << 20).await.unwrap(), "small");
        drop(large);
        assert_eq!(budget.read(Body::from(vec![b' '; 80 * 1024]), 1 << 20).await.unwrap().len(), 80 * 1024);
        assert_eq!(budget.units.available_permits(), 100);
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_too_slow() {
        let budget = BodyBudget::new(1 << 20, Duration::from_millis(1));
        let ended = budget.read(unfinished(1), 1 << 20).await;
        assert!(matches!(ended, Err(Error::TooSlow(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_by_its_length() {
        let budget = BodyBudget::new(1 << 20, DEADLINE);
        let ended = budget.read(Body::from(vec![0; 11]), 10).await;
        assert!(matches!(ended, Err(Error::TooLarge { limit_bytes: 10 })), "{ended:?}");
    }
}
