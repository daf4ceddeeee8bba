//! A whole service of somebody else's, observed: HTTP metrics, logs, traces, health and one metric of its own.

use axum::{Router, extract::Path, routing::get};
use belfry_telemetry::{Telemetry, catalogue, health, metric::OneOf, shutdown_signal};

catalogue! {
    /// Greetings given, by language.
    counter GREETINGS_TOTAL = "greeter_greetings_total" { language: OneOf(&["en", "de"]) };
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Delivers what is pending when it is dropped, at the end of `main`.
    let telemetry = Telemetry::from_env("greeter", env!("CARGO_PKG_VERSION"), ROWS)?;
    let greet = async |Path(language): Path<String>| {
        GREETINGS_TOTAL.with(&language).increment(1);
        tracing::info!(language, "greeted");
        if language == "de" { "Hallo" } else { "Hello" }
    };
    let router = Router::new().route("/greet/{language}", get(greet)).merge(health::router(health::Checks::default()));
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, telemetry.observe(router)).with_graceful_shutdown(shutdown_signal()).await?)
}
