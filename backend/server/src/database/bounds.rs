//! How long to wait for the database. One that was switched off refuses; one whose host vanished or froze gives no answer
//! at all, so nothing waits for it without a bound.

use std::io;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Result};

/// What a client waits for: with all around it, it is answered within three seconds.
pub(super) const ANSWER: Duration = Duration::from_millis(2_500);

/// What a task in the background waits for. Given up half-way, a claim of a run or of a due job has to wait
/// for its lease to expire, so this is longer than any statement takes on a healthy database.
const WORK: Duration = Duration::from_secs(10);

/// Waits for the database on behalf of a client.
///
/// # Errors
/// Those of the work, and the same as without a connection when the time is over. What it asked for may have been done,
/// or may be done still.
pub async fn for_answer<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    within(ANSWER, work).await
}

/// Waits for the database on behalf of a task in the background.
///
/// # Errors
/// As [`for_answer`].
pub async fn for_work<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    within(WORK, work).await
}

/// Waits for the database for so long.
///
/// # Errors
/// As [`for_answer`].
pub async fn within<T>(bound: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(bound, work).await.unwrap_or_else(|_| Err(overdue(bound).into()))
}

/// The layer of routes that ask the database and nothing else, and read no body: what a client sends may take its time.
pub async fn bound_answer(request: Request, next: Next) -> Response {
    let answered = async { Ok(next.run(request).await) };
    for_answer(answered).await.unwrap_or_else(Error::into_response)
}

/// The error of a database that gave no answer within this time.
pub(super) fn overdue(bound: Duration) -> sqlx::Error {
    let message = format!("no answer within {} s", bound.as_secs_f64());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_answer_is_the_same_as_no_database() {
        let silent = within(Duration::from_millis(1), std::future::pending::<Result<()>>()).await;
        let error = silent.unwrap_err();
        assert_eq!(error.code(), "database_unavailable");
        assert_eq!(error.into_response().status(), axum::http::StatusCode::SERVICE_UNAVAILABLE);
    }
}
