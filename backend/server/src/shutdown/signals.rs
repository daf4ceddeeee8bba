//! The signals that stop a process: SIGTERM and SIGINT.

pub use belfry_telemetry::Signals;

/// Ends with the next of the two signals.
pub async fn shutdown_signal() -> anyhow::Result<()> {
    Signals::listen()?.next().await;
    Ok(())
}
