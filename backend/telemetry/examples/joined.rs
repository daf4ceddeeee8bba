//! A service that was there before, with a subscriber, a logger, a recorder or a page of metrics of its own;
//! `tests/joining.rs` asks it.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use belfry_telemetry::metric::{OneOf, Open};
use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, catalogue, shutdown_signal};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::prelude::*;

catalogue! {
    /// Orders taken.
    counter ORDERS_TOTAL = "shop_orders_total" { outcome: OneOf(&["paid"]), shop: Open } cap 3;
}

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
    let mut exporter: Option<PrometheusHandle> = None;
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
        "a recorder" => {
            exporter = Some(PrometheusBuilder::new().set_buckets(&[0.5, 30.0])?.install_recorder()?);
            let (telemetry, layers) = Telemetry::join_recorder(&identity, &settings, ROWS)?;
            tracing_subscriber::registry().with(layers).init();
            telemetry
        }
        "a recorder, unsaid" => {
            PrometheusBuilder::new().install_recorder()?;
            Telemetry::start(&identity, &settings, &[])?
        }
        "a recorder, too late" => {
            Telemetry::join_recorder::<tracing_subscriber::Registry>(&identity, &settings, &[])?.0
        }
        other => anyhow::bail!("{other}: not a case"),
    };
    let their_page = async move || exporter.map_or_else(|| "their page".to_owned(), |exporter| exporter.render());
    let order = async |Path(shop): Path<String>| {
        ORDERS_TOTAL.with(("paid", &shop)).increment(1);
        ORDERS_TOTAL.with(("stolen", &shop)).increment(1);
    };
    let hello = async || {
        tracing::info!("said hello");
        log::info!("logged hello");
        "hello"
    };
    let router = Router::new()
        .route("/hello", get(hello))
        .route("/orders/{shop}", get(order))
        .route("/metrics", get(their_page))
        .route("/statements", get(async || tracing::enabled!(target: "sqlx::query", tracing::Level::DEBUG).to_string()))
        .nest("/internal", telemetry.routes());
    let listener = tokio::net::TcpListener::bind(std::env::var("ADDRESS")?).await?;
    Ok(axum::serve(listener, telemetry.observe(router)).with_graceful_shutdown(shutdown_signal()).await?)
}
