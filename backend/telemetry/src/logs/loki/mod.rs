//! Ships log events to Loki, behind `LOKI__ENABLED`, and accounts for each one: `telemetry_loki_events_total`.
//!
//! An event becomes a line (`line.rs`), waits in a bounded queue, and is sent in batches that are retried until Loki has
//! accepted or permanently refused them (`ship.rs`). The service never waits: events beyond the queue are dropped and counted.

mod line;
mod ship;

use std::sync::{Mutex, PoisonError, mpsc as mpsc_blocking};
use std::time::Instant;

use clap::Args;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use url::Url;

pub(super) use line::LokiLayer;
use ship::Shipper;

use crate::catalogue::LogLevel;
use crate::settings::{self, Secret, SettingsError, between};

/// Logs to Loki.
#[derive(Args, Clone, Debug)]
pub struct LokiSettings {
    /// Whether log events are also sent to Loki.
    #[arg(id = "LOKI__ENABLED", default_value = "false", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// Where Loki listens.
    #[arg(id = "LOKI__URL", default_value = "http://127.0.0.1:3100", value_parser = settings::http_url)]
    pub url: Url,
    /// Sent as `Authorization: Bearer <token>`, where a proxy in front of Loki requires one.
    #[arg(id = "LOKI__BEARER_TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub bearer_token: Secret,
    /// Sent as `X-Scope-OrgID`, where Loki has several tenants.
    #[arg(id = "LOKI__TENANT", default_value = "")]
    pub tenant: String,
    /// Events that may wait while Loki is away; further ones are dropped and counted.
    #[arg(id = "LOKI__QUEUE", default_value = "10000", value_parser = between(1_usize, 10_000_000))]
    pub queue: usize,
}

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
