//! How many calls are made at one time, and how long others wait for their turn.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};

/// When a client may try again that got no turn.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// All slots.
pub(super) struct CallSlots {
    free: Semaphore,
    wait: Duration,
}

impl CallSlots {
    /// `most` slots, each waited for no longer than `wait`.
    pub fn new(most: usize, wait: Duration) -> Self {
        Self { free: Semaphore::new(most), wait }
    }

    /// Takes a slot, perhaps after a while, in the order in which they were asked for.
    ///
    /// # Errors
    /// 503 `ai_busy` when none becomes free in time.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>> {
        if let Ok(permit) = self.free.try_acquire() {
            return Ok(permit);
        }
        let acquired = tokio::time::timeout(self.wait, self.free.acquire()).await;
        acquired.ok().and_then(std::result::Result::ok).ok_or_else(|| Error::Ai {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "ai_busy",
            detail: "none of the AI__CONCURRENCY calls to the AI provider ended within AI__WAIT; try again later"
                .to_owned(),
            retry_after: Some(RETRY_AFTER),
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_slot_is_waited_for_and_no_longer_than_allowed() {
        let slots = CallSlots::new(1, Duration::from_secs(3_600));
        let first = slots.acquire().await.unwrap();
        let mut second = Box::pin(slots.acquire());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.await.unwrap();
        let hurried = CallSlots::new(1, Duration::from_millis(10));
        drop(second);
        let _held = hurried.acquire().await.unwrap();
        let error = hurried.acquire().await.err().unwrap();
        assert_eq!((error.status(), error.code()), (StatusCode::SERVICE_UNAVAILABLE, "ai_busy"));
    }
}
