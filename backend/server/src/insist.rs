//! Writes that must not be lost to a database that is away for a while: they are tried again until it answers.

use std::time::Duration;

use tokio::time::Instant;

use crate::database::bounds::within;
use crate::error::{Error, Result, chain};

/// How long one try may take: a connection that died without a word answers nothing.
pub const TRY: Duration = Duration::from_secs(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Repeats a write until the database answers, or until `gives_up` on the error after the time since the first try; then
/// the error is returned. `what` says what is to be written.
pub async fn insist<T, F: Future<Output = Result<T>>>(
    what: &str,
    gives_up: impl Fn(&Error, Duration) -> bool,
    write: impl Fn() -> F,
) -> Result<T> {
    repeat(what, (TRY, PAUSE), gives_up, write).await
}

async fn repeat<T, F: Future<Output = Result<T>>>(
    what: &str,
    (limit, pause): (Duration, Duration),
    gives_up: impl Fn(&Error, Duration) -> bool,
    write: impl Fn() -> F,
) -> Result<T> {
    let began = Instant::now();
    loop {
        match within(limit, write()).await {
            Ok(done) => return Ok(done),
            Err(error) if gives_up(&error, began.elapsed()) => return Err(error),
            Err(error) => tracing::warn!(what, cause = chain(&error), "a write is to be tried again"),
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
    async fn a_write_is_tried_until_it_is_taken() {
        let tries = AtomicU32::new(0);
        let write = || async {
            match tries.fetch_add(1, Ordering::Relaxed) {
                0 => Err(away()),
                1 => std::future::pending().await,
                tried => Ok(tried),
            }
        };
        assert_eq!(repeat("a row", TIMES, |_, _| false, write).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_write_is_given_up_when_its_time_is_over() {
        let (began, patience) = (Instant::now(), Duration::from_millis(50));
        let written = repeat("a row", TIMES, |_, elapsed| elapsed >= patience, || async { Err::<(), _>(away()) });
        assert!(matches!(written.await, Err(Error::Database(_))));
        assert!(began.elapsed() >= patience);
    }
}
