//! `LOKI__DELIVERY=direct`: the crate `tracing-loki` makes the lines and sends them.
//!
//! It holds 512 events between two turns of its task and loses further ones silently, has no timeout, and ends a shutdown without
//! sending while it waits to try again; `docs/logging.md` has figures. So only emitted events are known, and those that it
//! reports to have given up after an outage.

use std::fmt::Debug;

use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_loki::{BackgroundTask, BackgroundTaskController};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::LokiSettings;
use crate::catalogue::{LokiStage, TELEMETRY_LOKI_EVENTS_TOTAL};
use crate::settings::SettingsError;

/// The target of the crate's own events, and their field with the number of events that it has given up.
const CRATE: &str = "tracing_loki";
const GIVEN_UP: &str = "num_dropped";

/// The task of the crate, and what ends it.
pub(super) struct DirectSender {
    task: BackgroundTask,
    controller: BackgroundTaskController,
}

/// Builds the crate's layer and its task.
pub(super) fn connect(
    settings: &LokiSettings,
    labels: Vec<(String, String)>,
) -> Result<(tracing_loki::Layer, DirectSender), SettingsError> {
    let unusable = |variable: &str, expected: &str| {
        let (variable, expected) = (variable.to_owned(), expected.to_owned());
        // The crate's message names the header at most, never its value.
        move |error: tracing_loki::Error| SettingsError { variable, found: error.to_string(), expected }
    };
    let mut builder = tracing_loki::builder();
    for (name, value) in labels {
        builder = builder.label(name, value).map_err(unusable("LOKI__DELIVERY", "labels that the crate takes"))?;
    }
    let token = settings.bearer_token.expose();
    if !token.is_empty() {
        let header = format!("Bearer {token}");
        let expected = "a token of visible ASCII characters";
        builder = builder.http_header("Authorization", header).map_err(unusable("LOKI__BEARER_TOKEN", expected))?;
    }
    if !settings.tenant.is_empty() {
        let expected = "a name of visible ASCII characters";
        builder = builder.http_header("X-Scope-OrgID", &settings.tenant).map_err(unusable("LOKI__TENANT", expected))?;
    }
    let built = builder.build_controller_url(settings.url.clone());
    let (layer, controller, task) = built.map_err(unusable("LOKI__URL", "a URL such as http://loki:3100"))?;
    Ok((layer, DirectSender { task, controller }))
}

impl DirectSender {
    /// Sends until `ending`, then what is still queued unless the last push has failed.
    pub(super) async fn run(self, ending: CancellationToken) {
        let Self { task, controller } = self;
        let end = async {
            ending.cancelled().await;
            controller.shutdown().await;
        };
        // The controller lives as long as the task, which would otherwise spin once every layer is dropped.
        tokio::join!(task, end);
    }
}

/// Counts the events that the crate's layer is given, and those that the crate reports to have given up.
pub(super) struct CountEvents;

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for CountEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Emitted).increment(1);
        if event.metadata().target().starts_with(CRATE) {
            let mut given_up = GivenUp(0);
            event.record(&mut given_up);
            TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Dropped).increment(given_up.0);
        }
    }
}

struct GivenUp(u64);

impl Visit for GivenUp {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == GIVEN_UP {
            self.0 += value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn what_the_crate_reports_to_have_given_up_is_counted() {
        let emit = || {
            let subscriber = tracing_subscriber::registry().with(CountEvents);
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(num_dropped = 3, "ours, which means something else");
                tracing::error!(target: "tracing_loki", num_dropped = 5_usize, "dropped outstanding messages");
            });
        };
        let expected =
            [r#"telemetry_loki_events_total{stage="dropped"} 5"#, r#"telemetry_loki_events_total{stage="emitted"} 2"#];
        assert_eq!(crate::testing::changed_series(emit), expected);
    }
}
