//! The variants of `benches/variants` as servers, for `benches/wrk.sh`: `VARIANT=observe ADDRESS=127.0.0.1:8080`.

#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

#[path = "../benches/variants/mod.rs"]
mod variants;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Ok(variant) = std::env::var("VARIANT") else {
        // So that the script has no list of its own.
        variants::VARIANTS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let router = variants::router(&variant);
    axum::serve(tokio::net::TcpListener::bind(std::env::var("ADDRESS")?).await?, router).await?;
    Ok(())
}
