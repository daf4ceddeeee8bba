//! The variants of `benches/variants` as servers, for `benches/wrk.sh`: `VARIANT=belfry ADDRESS=127.0.0.1:8080`.

#![allow(clippy::disallowed_macros)]

#[path = "../benches/variants/mod.rs"]
mod variants;

use belfry_telemetry::Telemetry;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let telemetry = Telemetry::from_env("variants", env!("CARGO_PKG_VERSION"), &[])?;
    let router = variants::router(&std::env::var("VARIANT")?, &telemetry);
    axum::serve(tokio::net::TcpListener::bind(std::env::var("ADDRESS")?).await?, router).await?;
    Ok(())
}
