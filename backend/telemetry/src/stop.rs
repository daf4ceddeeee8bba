//! The signals that ask a process to stop.

/// Completes when the process is asked to stop, by SIGTERM or SIGINT: for axum's `with_graceful_shutdown`.
///
/// Without it either signal ends the process at once, and with it what was not delivered. Where signals cannot be listened
/// to, it never completes, and they do just that.
pub async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
            }
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        return;
    }
    std::future::pending().await
}
