//! Ships log events to Loki, behind `LOKI__ENABLED`, and accounts for each one: `telemetry_loki_events_total`.
//!
//! An event becomes a line (`line.rs`), waits in a bounded queue, and is sent in batches that are retried until Loki has
//! accepted or permanently refused them (`ship.rs`). The service never waits: events beyond the queue are dropped and counted.
//!
//! Compiled with the feature `loki`; without it `off.rs` stands here.

mod line;
mod settings;
mod ship;

use std::sync::{Mutex, PoisonError, mpsc as mpsc_blocking};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

pub(super) use line::LokiLayer;
pub use settings::LokiSettings;
use ship::Shipper;

use crate::catalogue::LogLevel;
use crate::settings::SettingsError;

/// One event queued for Loki.
struct Line {
    /// Nanoseconds since 1970 UTC.
    time: u128,
    level: LogLevel,
    text: String,
}

impl LokiSettings {
    /// The layer that takes events, and the task on `runtime` that sends them.
    pub(super) fn connect(
        &self,
        service: &str,
        environment: &str,
        runtime: &Handle,
    ) -> Result<(LokiLayer, Shipping), SettingsError> {
        let (sender, waiting) = mpsc::channel(self.queue);
        let labels =
            vec![("service".to_owned(), service.to_owned()), ("environment".to_owned(), environment.to_owned())];
        let shipper = Shipper::new(self, labels).map_err(|cause| SettingsError {
            variable: "LOKI__URL".to_owned(),
            found: format!("`{}` ({cause})", self.url),
            expected: "a URL such as http://loki:3100".to_owned(),
        })?;
        let ending = CancellationToken::new();
        let (delivered_sender, delivered) = mpsc_blocking::channel();
        let shipping = shipper.run(waiting, ending.clone());
        let deliver_all = async move {
            shipping.await;
            // The receiver is gone when the process ends without waiting.
            let _ = delivered_sender.send(());
        };
        // The task's own events must not become lines that it then has to send.
        runtime.spawn(deliver_all.with_subscriber(NoSubscriber::default()));
        Ok((LokiLayer::new(sender), Shipping { ending, delivered: Mutex::new(delivered) }))
    }
}

/// The task that delivers log events.
pub(crate) struct Shipping {
    ending: CancellationToken,
    /// Receives from the task when all is delivered.
    delivered: Mutex<mpsc_blocking::Receiver<()>>,
}

impl Shipping {
    /// Takes no further events; what is pending is sent without a pause from now on.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    /// Waits until what was pending is delivered. Returns whether it was, before `deadline`. Blocks.
    pub(crate) fn wait(self, deadline: Instant) -> bool {
        let delivered = self.delivered.into_inner().unwrap_or_else(PoisonError::into_inner);
        delivered.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }
}
