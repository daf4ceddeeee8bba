//! Ships log events to Loki, behind `LOKI__ENABLED`, in one of two ways.
//!
//! Buffered: an event becomes a line (`line.rs`), waits in a bounded queue, and is sent in batches that are retried until Loki has
//! accepted or permanently refused them (`ship.rs`; `refusal.rs` reads how many lines it refused). The service never waits: events beyond the queue are dropped. Each event is
//! accounted for in `telemetry_loki_events_total`. Direct: the crate `tracing-loki` does all of it (`direct.rs`).
//!
//! Compiled with the feature `loki`; without it `off.rs` stands here.

mod direct;
mod line;
mod refusal;
mod settings;
mod ship;

use std::sync::{Mutex, PoisonError, mpsc as mpsc_blocking};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use line::LineLayer;
pub use settings::{LokiDelivery, LokiSettings};
use ship::Shipper;

use super::Layers;
use crate::catalogue::LogLevel;
use crate::identity::Identity;
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
        identity: &Identity,
        runtime: &Handle,
    ) -> Result<(LokiLayer, Shipping), SettingsError> {
        self.check()?;
        // A stream takes no line that is much older than its newest one. Without `instance` a process that catches up after
        // an outage would be refused for what others have sent meanwhile.
        let labels =
            [("service", identity.service), ("environment", &identity.environment), ("instance", &identity.instance)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let ending = CancellationToken::new();
        let (delivered_sender, delivered) = mpsc_blocking::channel();
        let report_end = move || {
            // The receiver is gone when the process ends without waiting.
            let _ = delivered_sender.send(());
        };
        let layer = match self.delivery {
            LokiDelivery::Buffered => {
                let (sender, waiting) = mpsc::channel(self.queue);
                let shipping = self.shipper(labels)?.run(waiting, ending.clone());
                let deliver_all = async move {
                    shipping.await;
                    report_end();
                };
                // The task's own events must not become lines that it then has to send.
                runtime.spawn(deliver_all.with_subscriber(NoSubscriber::default()));
                LokiLayer::Buffered(LineLayer::new(sender))
            }
            LokiDelivery::Direct => {
                let (layer, sender) = direct::connect(self, labels)?;
                let shipping = sender.run(ending.clone());
                // The crate's own events say what failed, and cause no push.
                runtime.spawn(async move {
                    shipping.await;
                    report_end();
                });
                LokiLayer::Direct(layer)
            }
        };
        Ok((layer, Shipping { ending, delivered: Mutex::new(delivered) }))
    }

    fn shipper(&self, labels: Vec<(String, String)>) -> Result<Shipper, SettingsError> {
        Shipper::new(self, labels).map_err(|cause| SettingsError {
            variable: "LOKI__URL".to_owned(),
            found: format!("`{}` ({cause})", self.url),
            expected: "a URL such as http://loki:3100".to_owned(),
        })
    }
}

/// The layer of the sender that was chosen.
pub(super) enum LokiLayer {
    Buffered(LineLayer),
    Direct(tracing_loki::Layer),
}

impl LokiLayer {
    /// As layers of a subscriber of type `S`.
    pub(super) fn boxed<S>(self) -> Layers<S>
    where
        S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        match self {
            Self::Buffered(layer) => layer.boxed(),
            Self::Direct(layer) => layer.and_then(direct::CountEvents).boxed(),
        }
    }
}

/// The task that delivers log events.
pub(crate) struct Shipping {
    ending: CancellationToken,
    /// Receives from the task when it has ended: buffered, when all is delivered; direct, also when it has given up.
    delivered: Mutex<mpsc_blocking::Receiver<()>>,
}

impl Shipping {
    /// Takes no further events; what is pending is sent without a pause from now on.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    /// Waits until the task has ended. Returns whether it has, before `deadline`. Blocks.
    pub(crate) fn wait(self, deadline: Instant) -> bool {
        let delivered = self.delivered.into_inner().unwrap_or_else(PoisonError::into_inner);
        delivered.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }
}
