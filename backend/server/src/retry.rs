//! Writes that must not be lost while the database is away: they are retried until it responds.

use std::time::Duration;

use tokio::time::Instant;

use crate::database::bounds::with_timeout;
use crate::error::{Error, Result, chain};

/// How long one attempt may take: a connection whose other end vanished never responds.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Retries a write until the database responds, or until `gives_up` says so of the error and the time since the
/// first try; then the error is returned. `what` names the write in the log.
pub async fn retry_until_written<T, F: Future<Output = Result<T>>>(
    what: &str,
    gives_up: impl Fn(&Error, Duration) -> bool,
    write: impl Fn() -> F,
) -> Result<T> {
    retry_with(what, (ATTEMPT_TIMEOUT, PAUSE), gives_up, write).await
}

async fn retry_with<T, F: Future<Output = Result<T>>>(
    what: &str,
    (limit, pause): (Duration, Duration),
    gives_up: impl Fn(&Error, Duration) -> bool,
    write: impl Fn() -> F,
) -> Result<T> {
    let started = Instant::now();
    loop {
        match with_timeout(limit, write()).await {
            Ok(done) => return Ok(done),
            Err(error) if gives_up(&error, started.elapsed()) => return Err(error),
            Err(error) => tracing::warn!(what, cause = chain(&error), "write failed; it is retried"),
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const TIMES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(1));

    fn away() -> Error {
        Error::Database(sqlx::Error::PoolTimedOut)
    }

    #[tokio::test]
    async fn a_write_is_retried_until_it_succeeds() {
        let tries = AtomicU32::new(0);
        let write = || async {
            match tries.fetch_add(1, Ordering::Relaxed) {
                0 => Err(away()),
                1 => std::future::pending().await,
                tried => Ok(tried),
            }
        };
        assert_eq!(retry_with("a row", TIMES, |_, _| false, write).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_write_is_given_up_after_its_time() {
        let (began, patience) = (Instant::now(), Duration::from_millis(50));
        let written = retry_with("a row", TIMES, |_, elapsed| elapsed >= patience, || async { Err::<(), _>(away()) });
        assert!(matches!(written.await, Err(Error::Database(_))));
        assert!(began.elapsed() >= patience);
    }
}
