//! How many queries run at one time, and how many wait for their turn, in the order in which they came. So whoever sends a
//! thousand queries keeps neither the sources busier than this, nor the rest of the API from being served.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// All slots.
pub(super) struct QuerySlots {
    free: Arc<Semaphore>,
    waiting: Semaphore,
    wait: Duration,
}

/// One slot, until it is dropped.
pub(super) struct QuerySlot {
    _permit: OwnedSemaphorePermit,
}

impl QuerySlots {
    /// `most` slots, for which `waiting` queries may wait, no longer than `wait`.
    pub fn new(most: usize, waiting: usize, wait: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), waiting: Semaphore::new(waiting), wait }
    }

    /// Takes a slot, perhaps after a while.
    ///
    /// # Errors
    /// 503 `query_busy` when too many wait already, or when none becomes free in time.
    pub async fn acquire(&self) -> Result<QuerySlot> {
        let acquired = match self.free.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let Ok(_waiting) = self.waiting.try_acquire() else {
                    return Err(busy("as many queries wait as VIEWER__MAX_WAITING_QUERIES allows"));
                };
                tokio::time::timeout(self.wait, self.free.clone().acquire_owned()).await.ok().and_then(Result::ok)
            }
        };
        acquired
            .map(|permit| QuerySlot { _permit: permit })
            .ok_or_else(|| busy("none of the VIEWER__MAX_QUERIES queries that run ended within VIEWER__QUERY_WAIT"))
    }
}

/// The error of a query for which there is no room, and why.
pub(super) fn busy(why: &str) -> Error {
    let detail = format!("{why}; expected fewer queries at the same time, or try again later");
    Error::Query { status: StatusCode::SERVICE_UNAVAILABLE, code: "query_busy", detail }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn as_many_wait_as_may_and_have_their_turn() {
        let slots = QuerySlots::new(1, 1, Duration::from_secs(3600));
        let first = slots.acquire().await.unwrap();
        let mut second = Box::pin(slots.acquire());
        assert!((&mut second).now_or_never().is_none());
        let error = slots.acquire().await.err().unwrap();
        assert!(error.code() == "query_busy" && error.to_string().contains("VIEWER__MAX_WAITING_QUERIES"), "{error}");
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let slots = QuerySlots::new(1, 1, Duration::from_millis(1));
        let first = slots.acquire().await.unwrap();
        let error = slots.acquire().await.err().unwrap();
        assert!(error.code() == "query_busy" && error.to_string().contains("VIEWER__QUERY_WAIT"), "{error}");
        drop(first);
        assert!(slots.acquire().await.is_ok());
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_place_taken() {
        let slots = QuerySlots::new(1, 1, Duration::from_secs(5));
        let first = slots.acquire().await.unwrap();
        for _ in 0..3 {
            assert!(slots.acquire().now_or_never().is_none());
        }
        drop(first);
        assert!(slots.acquire().now_or_never().is_some());
    }
}
