//! How long to wait for the database. One that was switched off refuses connections; one whose host vanished or froze does not
//! respond at all, so every wait for it has a timeout.

use std::io;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Result};

/// For work on behalf of a request: with everything else, its response takes at most three seconds.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_millis(2_500);

/// For background tasks. A claim of a run or a due job that times out half-way blocks it until its lease expires, so this is
/// longer than any statement takes on a healthy database.
const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the database on behalf of a request.
///
/// # Errors
/// Those of the work, and after the timeout the same as without a connection. The statement may have been applied, or may
/// still be.
pub async fn with_request_timeout<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    with_timeout(REQUEST_TIMEOUT, work).await
}

/// Waits for the database on behalf of a background task.
///
/// # Errors
/// As [`with_request_timeout`].
pub async fn with_background_timeout<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    with_timeout(BACKGROUND_TIMEOUT, work).await
}

/// Waits for the database at most for `timeout`.
///
/// # Errors
/// As [`with_request_timeout`].
pub async fn with_timeout<T>(timeout: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| Err(timeout_error(timeout).into()))
}

/// The middleware of routes that only query the database and read no body: receiving a body may take longer.
pub async fn apply_request_timeout(request: Request, next: Next) -> Response {
    let response = async { Ok(next.run(request).await) };
    with_request_timeout(response).await.unwrap_or_else(Error::into_response)
}

/// The error of a database that did not respond within `timeout`.
pub(super) fn timeout_error(timeout: Duration) -> sqlx::Error {
    let message = format!("no answer within {} s", timeout.as_secs_f64());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timeout_is_reported_as_an_unavailable_database() {
        let unanswered = with_timeout(Duration::from_millis(1), std::future::pending::<Result<()>>()).await;
        let error = unanswered.unwrap_err();
        assert_eq!(error.code(), "database_unavailable");
        assert_eq!(error.into_response().status(), axum::http::StatusCode::SERVICE_UNAVAILABLE);
    }
}
