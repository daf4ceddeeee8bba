//! `belfry demo`: realistic traffic against a running server.

use clap::Args;

/// What the demo sends, and where to.
#[derive(Args)]
pub struct DemoArguments {
    /// The server's address.
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
}

/// Runs the demo.
pub async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    println!("{}", arguments.url);
    Ok(())
}
