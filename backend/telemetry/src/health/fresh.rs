//! A value that is found out at most once a second, however many ask: probes must not become a load generator.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// For how long a value is given again.
pub const LASTS: Duration = Duration::from_secs(1);

/// The last value, or the search for the next one. Whoever asks meanwhile shares it.
pub struct Fresh<T> {
    last: Mutex<Option<Found<T>>>,
}

/// When a value was found, and the value; nothing while it is still looked for.
type Found<T> = watch::Receiver<Option<(Instant, T)>>;

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None) }
    }
}

impl<T: Clone + Send + Sync + 'static> Fresh<T> {
    /// The value, which is under a second old or is found out now by what `find` makes.
    ///
    /// The search goes on when its caller goes away, so that callers who do not wait cannot begin one after the other.
    /// One that hangs is waited for and not begun again, so set a deadline on the search or on this. Must run inside a
    /// Tokio runtime.
    pub async fn get<F>(&self, find: impl Fn() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            let mut found = self.found(&find);
            // Without its sender the search was cut off by a panic or the end of a runtime; then there is a new one to wait for.
            if let Ok(value) = found.wait_for(Option::is_some).await
                && let Some((_, value)) = &*value
            {
                return value.clone();
            }
        }
    }

    fn found<F>(&self, find: impl Fn() -> F) -> Found<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = last.as_ref().filter(|found| is_fresh(found)) {
            return found.clone();
        }
        let (sender, found) = watch::channel(None);
        let search = find();
        tokio::spawn(async move {
            let value = search.await;
            sender.send_replace(Some((Instant::now(), value)));
        });
        last.insert(found).clone()
    }
}

/// Under way, or ended less than a second ago. A search whose task is gone without an end is neither.
fn is_fresh<T>(found: &Found<T>) -> bool {
    match &*found.borrow() {
        Some((ended, _)) => ended.elapsed() < LASTS,
        None => found.has_changed().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// What finds out how often it was asked, and takes its time.
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
    async fn all_who_ask_at_once_or_go_away_share_one_search() {
        let (fresh, searches) = (Fresh::default(), Arc::default());
        let find = counting(&searches);
        for _ in 0..5 {
            // Goes away long before the search ends.
            let _ = tokio::time::timeout(Duration::from_millis(1), fresh.get(&find)).await;
        }
        assert_eq!(tokio::join!(fresh.get(&find), fresh.get(&find)), (1, 1));
        assert_eq!(fresh.get(&find).await, 1, "a value lasts for a second");
        tokio::time::sleep(LASTS).await;
        assert_eq!(fresh.get(&find).await, 2, "and no longer");
    }

    #[tokio::test]
    async fn a_search_that_panics_is_begun_again_by_the_next_who_asks() {
        let (fresh, searches) = (Fresh::default(), AtomicU32::new(0));
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
    async fn a_search_that_hangs_is_not_begun_again() {
        let (fresh, searches) = (Fresh::<u32>::default(), AtomicU32::new(0));
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
