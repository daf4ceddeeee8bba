//! Ships log events to Loki through tracing-loki, behind `LOKI__ENABLED`.
//!
//! Delivery is best effort: tracing-loki keeps what it has not delivered in memory, and drops it after long outages.

use std::time::Duration;

use clap::Args;
use tracing_loki::{BackgroundTaskController, Layer};
use url::Url;

use crate::settings::{self, SettingsError};

/// Logs to Loki.
#[derive(Args, Clone, Debug)]
pub struct LokiSettings {
    /// Whether log events are also sent to Loki.
    #[arg(id = "LOKI__ENABLED", default_value = "false", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// Where Loki listens; plain http.
    #[arg(id = "LOKI__URL", default_value = "http://127.0.0.1:3100", value_parser = plain_http_url)]
    pub url: Url,
}

/// The build has no TLS for this path, and a silent failure at run time would lose every line.
fn plain_http_url(text: &str) -> Result<Url, String> {
    settings::http_url(text)
        .ok()
        .filter(|url| url.scheme() == "http")
        .ok_or("a plain http URL such as http://loki:3100".to_owned())
}

impl LokiSettings {
    pub(super) fn connect(&self, service: &str, environment: &str) -> Result<(Option<Layer>, Shipping), SettingsError> {
        let built = tracing_loki::builder()
            .label("service", service)
            .and_then(|builder| builder.label("environment", environment))
            .and_then(|builder| builder.build_controller_url(self.url.clone()));
        let (layer, controller, task) = built.map_err(|error| SettingsError {
            variable: "LOKI__URL".to_owned(),
            found: format!("`{}` ({error})", self.url),
            expected: "a URL such as http://loki:3100".to_owned(),
        })?;
        let task = tokio::spawn(task);
        Ok((Some(layer), Shipping(Some((controller, task)))))
    }
}

/// The task that delivers log events.
pub struct Shipping(Option<(BackgroundTaskController, tokio::task::JoinHandle<()>)>);

impl Shipping {
    pub(super) fn off() -> Self {
        Self(None)
    }

    /// Delivers what is pending, for at most `grace`. Returns whether all of it got through.
    pub async fn flush(self, grace: Duration) -> bool {
        let Some((controller, task)) = self.0 else { return true };
        let delivered = async {
            controller.shutdown().await;
            task.await.is_ok()
        };
        tokio::time::timeout(grace, delivered).await.unwrap_or(false)
    }
}
