//! What is delivered to elsewhere: logs to Loki, spans to a collector, lines to files; and their end.
//!
//! A thread of its own delivers. A service that is busy, blocked or about to end therefore does not hold its own last words
//! back, and whoever waits for them may block a thread of the service's runtime, or have none any more.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::logs::{Destinations, LogFiles, Shipping};
use crate::traces::Traces;
use crate::{Identity, StartError, TelemetrySettings};

/// Everything that may hold what was not delivered yet.
pub(crate) struct Deliveries {
    shipping: Option<Shipping>,
    traces: Option<Traces>,
    pub(crate) files: Option<LogFiles>,
    // Last: it is dropped when the others have ended.
    _thread: Option<DeliveryThread>,
}

impl Deliveries {
    /// Opens what the settings switch on, and with it where events are to go.
    pub(crate) fn open(identity: &Identity, settings: &TelemetrySettings) -> Result<(Self, Destinations), StartError> {
        let far = settings.loki.enabled || settings.tracing.enabled;
        let thread = far.then(DeliveryThread::start).transpose().map_err(StartError::Deliveries)?;
        let handle = thread.as_ref().map(DeliveryThread::handle);
        let tracing = handle.filter(|_| settings.tracing.enabled);
        let traces = tracing.map(|runtime| settings.tracing.connect(identity, runtime)).transpose()?;
        let measured = settings.prometheus.enabled || settings.statsd.enabled;
        let (destinations, shipping, files) =
            Destinations::open(identity, &settings.log, &settings.loki, traces.as_ref(), handle, measured)?;
        Ok((Self { shipping, traces, files, _thread: thread }, destinations))
    }

    /// Delivers what is pending, for at most `grace`. Returns whether all of it got through. Blocks.
    pub(crate) fn finish(self, grace: Duration) -> bool {
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

/// The runtime of deliveries. Ends without a wait when dropped.
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
            // Dropping a runtime blocks, which another runtime would not allow.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
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

    type Taken = Arc<Mutex<Vec<Value>>>;

    /// A Loki on a thread of its own, and what it took.
    fn loki() -> (String, Taken) {
        let taken = Taken::default();
        let push = async |State(taken): State<Taken>, Json(body): Json<Value>| taken.lock().unwrap().push(body);
        let router = Router::new().route("/loki/api/v1/push", post(push)).with_state(taken.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await })
        });
        (url, taken)
    }

    fn emit_and_finish(url: &str) -> bool {
        let variables = [("LOKI__ENABLED", "true"), ("LOKI__URL", url)];
        let settings = settings::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let settings: TelemetrySettings = settings.unwrap();
        let identity = Identity { service: "unit", version: "0", environment: "test".to_owned() };
        let (deliveries, destinations) = Deliveries::open(&identity, &settings).unwrap();
        let subscriber = Registry::default().with(destinations.layers(&settings.log, false));
        tracing::subscriber::with_default(subscriber, || tracing::info!("the last words"));
        deliveries.finish(Duration::from_secs(20))
    }

    #[tokio::test]
    async fn the_only_thread_of_a_runtime_may_wait_for_deliveries() {
        let (url, taken) = loki();
        assert!(emit_and_finish(&url));
        assert!(taken.lock().unwrap()[0].to_string().contains("the last words"));
    }

    #[test]
    fn deliveries_need_no_runtime_of_the_service() {
        let (url, taken) = loki();
        assert!(emit_and_finish(&url));
        assert_eq!(taken.lock().unwrap().len(), 1);
    }
}
