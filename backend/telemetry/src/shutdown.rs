//! The signals that stop a process: SIGTERM and SIGINT.

use std::io;

/// Listens for SIGTERM and SIGINT from the moment it is made, so that none is missed between two waits.
///
/// ```
/// # async fn serve() -> std::io::Result<()> {
/// let mut signals = belfry_telemetry::Signals::listen()?;
/// signals.next().await;
/// // Shut down; a second signal may cut that short.
/// signals.next().await;
/// # Ok(())
/// # }
/// ```
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Replaces the system's default, which is to end the process at once. Must run inside a Tokio runtime.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{Signal, SignalKind};
            let signal = |kind: SignalKind, name: &str| -> io::Result<Signal> {
                let refused =
                    |error: io::Error| io::Error::new(error.kind(), format!("cannot listen for {name}: {error}"));
                tokio::signal::unix::signal(kind).map_err(refused)
            };
            let terminate = signal(SignalKind::terminate(), "SIGTERM")?;
            Ok(Self { terminate, interrupt: signal(SignalKind::interrupt(), "SIGINT")? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next signal. On systems without SIGTERM that is Ctrl-C.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Completes when the process receives SIGTERM or SIGINT: for axum's `with_graceful_shutdown`.
///
/// Without it either signal ends the process at once, and what was not delivered is lost. Where signals cannot be listened
/// for, it never completes, and they end the process as before.
///
/// ```no_run
/// # async fn serve(listener: tokio::net::TcpListener, router: axum::Router) -> std::io::Result<()> {
/// axum::serve(listener, router).with_graceful_shutdown(belfry_telemetry::shutdown_signal()).await
/// # }
/// ```
pub async fn shutdown_signal() {
    match Signals::listen() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}
