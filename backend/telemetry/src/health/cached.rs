//! A value that is computed at most once a second, however many callers ask: probes must not become a load generator.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// For how long a value is returned again.
pub const FRESH_FOR: Duration = Duration::from_secs(1);

/// The last value, or the computation of the next one, which all callers share.
///
/// ```
/// use belfry_telemetry::health::Cached;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let free_bytes = Cached::default();
/// assert_eq!(free_bytes.get(async || 7).await, 7);
/// // Not computed again within a second.
/// assert_eq!(free_bytes.get(async || 8).await, 7);
/// # });
/// ```
pub struct Cached<T> {
    last: Mutex<Option<Computed<T>>>,
}

/// When a value was computed, and the value; nothing while it is being computed.
type Computed<T> = watch::Receiver<Option<(Instant, T)>>;

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None) }
    }
}

impl<T: Clone + Send + Sync + 'static> Cached<T> {
    /// The value, which is under a second old or is computed now by `compute`.
    ///
    /// The computation goes on when its caller goes away, so that callers who do not wait cannot start one after the other.
    /// One that hangs is waited for and not started again, so set a deadline on it or on this. Must run inside a Tokio
    /// runtime.
    pub async fn get<F>(&self, compute: impl Fn() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            let mut computed = self.start_or_share(&compute);
            // Without its sender the computation ended by a panic or the end of a runtime; then a new one is started.
            if let Ok(value) = computed.wait_for(Option::is_some).await
                && let Some((_, value)) = &*value
            {
                return value.clone();
            }
        }
    }

    fn start_or_share<F>(&self, compute: impl Fn() -> F) -> Computed<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(computed) = last.as_ref().filter(|computed| is_fresh(computed)) {
            return computed.clone();
        }
        let (sender, computed) = watch::channel(None);
        let computation = compute();
        tokio::spawn(async move {
            let value = computation.await;
            sender.send_replace(Some((Instant::now(), value)));
        });
        last.insert(computed).clone()
    }
}

/// Whether it is running, or ended less than a second ago. If its task is gone without an end it is neither.
fn is_fresh<T>(computed: &Computed<T>) -> bool {
    match &*computed.borrow() {
        Some((ended, _)) => ended.elapsed() < FRESH_FOR,
        None => computed.has_changed().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A slow computation that counts how often it was started.
    fn counting(searches: &Arc<AtomicU32>) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
        let searches = searches.clone();
        move || {
            let searches = searches.clone();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                searches.fetch_add(1, Ordering::SeqCst) + 1
            })
        }
    }

    #[tokio::test]
    async fn callers_that_ask_at_once_or_leave_share_one_computation() {
        let (fresh, searches) = (Cached::default(), Arc::default());
        let find = counting(&searches);
        for _ in 0..5 {
            // Goes away long before the search ends.
            let _ = tokio::time::timeout(Duration::from_millis(1), fresh.get(&find)).await;
        }
        assert_eq!(tokio::join!(fresh.get(&find), fresh.get(&find)), (1, 1));
        assert_eq!(fresh.get(&find).await, 1, "a value lasts for a second");
        tokio::time::sleep(FRESH_FOR).await;
        assert_eq!(fresh.get(&find).await, 2, "and no longer");
    }

    #[tokio::test]
    async fn a_computation_that_panics_is_started_again() {
        let (fresh, searches) = (Cached::default(), AtomicU32::new(0));
        let find = || {
            let first = searches.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                assert!(!first, "a bug");
                7
            }
        };
        assert_eq!(fresh.get(find).await, 7);
        assert_eq!(searches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_computation_that_hangs_is_not_started_again() {
        let (fresh, searches) = (Cached::<u32>::default(), AtomicU32::new(0));
        for _ in 0..3 {
            let find = || {
                searches.fetch_add(1, Ordering::SeqCst);
                std::future::pending()
            };
            assert!(tokio::time::timeout(Duration::from_millis(20), fresh.get(find)).await.is_err());
        }
        assert_eq!(searches.load(Ordering::SeqCst), 1);
    }
}
