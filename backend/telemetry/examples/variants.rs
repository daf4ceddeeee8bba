//! The variants of `benches/variants`: as servers for `benches/wrk.sh`, `VARIANT=observe ADDRESS=127.0.0.1:8080`, and asked in
//! process for `benches/instructions.sh` and `tests/instructions.rs`, `VARIANT=bare,observe REQUESTS=1000`. Several are asked
//! one after the other.

#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

#[path = "../benches/count/mod.rs"]
mod count;
#[path = "../benches/variants/mod.rs"]
mod variants;

use tokio::runtime::Builder;

fn main() -> anyhow::Result<()> {
    let Ok(variant) = std::env::var("VARIANT") else {
        // So that the scripts have no list of their own.
        variants::VARIANTS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    if let Ok(requests) = std::env::var("REQUESTS") {
        let (requests, runtime) = (requests.parse()?, Builder::new_current_thread().enable_all().build()?);
        for variant in variant.split(',') {
            let router = runtime.block_on(async { variants::router(variant) });
            count::count(&runtime, router, requests);
        }
        return Ok(());
    }
    Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(std::env::var("ADDRESS")?).await?;
        Ok(axum::serve(listener, variants::router(&variant)).await?)
    })
}
