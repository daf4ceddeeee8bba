//! The signals that ask a process to stop.

pub use belfry_telemetry::Signals;

/// Ends when the process is asked to stop.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    Signals::listen()?.next().await;
    Ok(())
}
