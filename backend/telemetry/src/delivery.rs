//! What is delivered elsewhere: logs to Loki, spans to a collector, lines to files; and the final flush.
//!
//! A runtime with a thread of its own delivers. So a service that is busy, blocked or about to end does not delay its own last
//! log lines, and the flush may block a thread of the service's runtime, or run without one.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::identity::Identity;
use crate::logs::{Destinations, LogFiles, LogSettings, LokiSettings, Shipping};
use crate::settings::SettingsError;
use crate::traces::{Traces, TracingSettings};

/// The settings of all deliveries.
#[derive(Clone, Copy)]
pub(crate) struct DeliverySettings<'s> {
    pub(crate) log: &'s LogSettings,
    pub(crate) loki: &'s LokiSettings,
    pub(crate) tracing: &'s TracingSettings,
    /// Whether metrics are recorded, so that sqlx's statements are measured.
    pub(crate) metrics: bool,
}

/// Why deliveries could not start.
#[derive(Debug)]
pub(crate) enum DeliveryError {
    /// A setting cannot be used.
    Settings(SettingsError),
    /// There is no thread for them.
    Thread(std::io::Error),
}

impl From<SettingsError> for DeliveryError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

/// Everything that may hold what was not delivered yet.
pub(crate) struct Deliveries {
    shipping: Option<Shipping>,
    traces: Option<Traces>,
    pub(crate) files: Option<LogFiles>,
    // Last: it is dropped when the others have ended.
    _thread: Option<DeliveryThread>,
}

impl Deliveries {
    /// Opens what the settings switch on, and the destinations of log events.
    pub(crate) fn open(
        identity: &Identity,
        settings: DeliverySettings<'_>,
    ) -> Result<(Self, Destinations), DeliveryError> {
        let is_needed = settings.loki.enabled || settings.tracing.enabled;
        let thread = is_needed.then(DeliveryThread::start).transpose().map_err(DeliveryError::Thread)?;
        let handle = thread.as_ref().map(DeliveryThread::handle);
        let tracing = handle.filter(|_| settings.tracing.enabled);
        let traces = tracing.map(|runtime| settings.tracing.connect(identity, runtime)).transpose()?;
        let (destinations, shipping, files) =
            Destinations::open(identity, settings.log, settings.loki, traces.as_ref(), handle, settings.metrics)?;
        Ok((Self { shipping, traces, files, _thread: thread }, destinations))
    }

    /// Delivers what is pending, for at most `grace`. Returns whether all of it was delivered. Blocks.
    pub(crate) fn flush(self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        // All at the same time, within one deadline.
        if let Some(shipping) = &self.shipping {
            shipping.end();
        }
        let spans = self.traces.is_none_or(|traces| traces.flush(deadline));
        let lines = self.shipping.is_none_or(|shipping| shipping.wait(deadline));
        // Waits for their thread, for a second or so.
        drop(self.files);
        spans && lines
    }
}

/// The runtime of deliveries. Dropping it does not wait.
struct DeliveryThread(Option<Runtime>);

impl DeliveryThread {
    fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("telemetry").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("only drop takes it out").handle()
    }
}

impl Drop for DeliveryThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Dropping a runtime blocks, which is not allowed inside another runtime.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
#[cfg(feature = "loki")]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::extract::State;
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::Value;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::settings;

    #[derive(clap::Args)]
    struct Settings {
        #[command(flatten)]
        log: LogSettings,
        #[command(flatten)]
        loki: LokiSettings,
        #[command(flatten)]
        tracing: TracingSettings,
    }

    type Received = Arc<Mutex<Vec<Value>>>;

    /// A Loki on a thread of its own, and what it received.
    fn loki() -> (String, Received) {
        let received = Received::default();
        let push =
            async |State(received): State<Received>, Json(body): Json<Value>| received.lock().unwrap().push(body);
        let router = Router::new().route("/loki/api/v1/push", post(push)).with_state(received.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await })
        });
        (url, received)
    }

    fn emit_and_flush(url: &str) -> bool {
        let variables = [("LOKI__ENABLED", "true"), ("LOKI__URL", url)];
        let settings = settings::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let Settings { log, loki, tracing } = settings.unwrap();
        let settings = DeliverySettings { log: &log, loki: &loki, tracing: &tracing, metrics: true };
        let (environment, instance) = ("test".to_owned(), "one".to_owned());
        let identity = Identity { service: "unit", version: "0", environment, instance };
        let (deliveries, destinations) = Deliveries::open(&identity, settings).unwrap();
        let subscriber = Registry::default().with(destinations.layers(&log, false));
        tracing::subscriber::with_default(subscriber, || tracing::info!("the last line"));
        deliveries.flush(Duration::from_secs(20))
    }

    #[tokio::test]
    async fn the_only_thread_of_a_runtime_may_wait_for_the_flush() {
        let (url, received) = loki();
        assert!(emit_and_flush(&url));
        assert!(received.lock().unwrap()[0].to_string().contains("the last line"));
    }

    #[test]
    fn deliveries_need_no_runtime_of_the_service() {
        let (url, received) = loki();
        assert!(emit_and_flush(&url));
        assert_eq!(received.lock().unwrap().len(), 1);
    }
}
