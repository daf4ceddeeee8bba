//! A service that was there before, with a subscriber, a logger or a page of metrics of its own; `tests/joining.rs` asks it.

use axum::Router;
use axum::routing::get;
use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, shutdown_signal};
use tracing_subscriber::prelude::*;

/// The service's own logger, for the `log` crate.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("their logger: {}", record.args());
    }

    fn flush(&self) {}
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (identity, settings) = (Identity::from_env("joined", "1.0.0")?, TelemetrySettings::from_env()?);
    let telemetry = match std::env::var("HAS")?.as_str() {
        "a subscriber" => {
            let (telemetry, layers) = Telemetry::join(&identity, &settings, &[])?;
            let console = tracing_subscriber::fmt::layer().with_writer(std::io::stdout).with_ansi(false);
            tracing_subscriber::registry().with(layers).with(console).init();
            telemetry
        }
        "a subscriber, unsaid" => {
            tracing_subscriber::fmt().with_writer(std::io::stdout).init();
            Telemetry::start(&identity, &settings, &[])?
        }
        "a logger" => {
            log::set_logger(&Logger).map_err(anyhow::Error::msg)?;
            log::set_max_level(log::LevelFilter::Info);
            Telemetry::start(&identity, &settings, &[])?
        }
        other => anyhow::bail!("{other}: not a case"),
    };
    let hello = async || {
        tracing::info!("said hello");
        log::info!("logged hello");
        "hello"
    };
    let router = Router::new()
        .route("/hello", get(hello))
        .route("/metrics", get(async || "their page"))
        .route("/statements", get(async || tracing::enabled!(target: "sqlx::query", tracing::Level::DEBUG).to_string()))
        .nest("/internal", telemetry.routes());
    let listener = tokio::net::TcpListener::bind(std::env::var("ADDRESS")?).await?;
    Ok(axum::serve(listener, telemetry.observe(router)).with_graceful_shutdown(shutdown_signal()).await?)
}
