//! The request to stop an attempt before it is finished, on its way from the claim's renewal to the training process.

use std::time::Duration;

use tokio::sync::watch;

/// Why an attempt should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopRequest {
    /// A client cancelled the run.
    Cancel,
    /// The server shuts down, and the training process has this long to end.
    Shutdown(Duration),
}

/// Waits until a stop is requested.
pub async fn wait_for_stop_request(requests: &mut watch::Receiver<Option<StopRequest>>) -> StopRequest {
    match requests.wait_for(Option::is_some).await.ok().and_then(|request| *request) {
        Some(request) => request,
        // The sender is gone, so that no request can come any more.
        None => std::future::pending().await,
    }
}
