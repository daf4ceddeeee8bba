//! Emits numbered log lines at a rate and reports how they were accounted for; `tests/losses.rs` counts what arrives.
//!
//! Arguments: lines a second (0: as fast as possible), seconds (then: thousands of lines), the number of a line that is longer
//! than Loki takes (0: none), and seconds to wait before the end.

use std::time::{Duration, Instant};

use belfry_telemetry::{Identity, Telemetry, TelemetrySettings};
use tower::ServiceExt;
use tracing_subscriber::prelude::*;

/// As the server has it.
const GRACE: Duration = Duration::from_secs(3);
/// Lines are emitted in groups, because a timer is no finer.
const GROUPS_PER_SECOND: u32 = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<Vec<u32>, _>>()?;
    let [rate, length, long_line, wait_seconds] = arguments[..] else { anyhow::bail!("four numbers are expected") };
    let identity = Identity::from_env("lines", "1.0.0")?;
    let (telemetry, layers) = Telemetry::join(&identity, &TelemetrySettings::from_env()?, &[])?;
    tracing_subscriber::registry().with(layers).init();
    let started = Instant::now();
    tokio::task::spawn_blocking(move || emit_all(rate, length, long_line)).await?;
    let emitting_seconds = started.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(wait_seconds.into())).await;
    let request = axum::extract::Request::get("/metrics").body(axum::body::Body::empty())?;
    let page = axum::body::to_bytes(telemetry.routes().oneshot(request).await?.into_body(), 1 << 20).await?;
    let ending = Instant::now();
    let delivered = telemetry.shut_down(GRACE).await;
    println!("lines_emitting_seconds {emitting_seconds:.1}");
    println!("lines_ending_seconds {:.1}", ending.elapsed().as_secs_f64());
    println!("lines_delivered {}", u8::from(delivered));
    print!("{}", String::from_utf8_lossy(&page));
    Ok(())
}

fn emit_all(rate: u32, length: u32, long_line: u32) {
    let (lines, group) = match rate {
        0 => (length * 1_000, u32::MAX),
        rate => (rate * length, (rate / GROUPS_PER_SECOND).max(1)),
    };
    let started = Instant::now();
    for number in 1..=lines {
        if number == long_line {
            tracing::info!(number, padding = "x".repeat(300 << 10), "a long line");
        } else {
            tracing::info!(number, path = "/api/v1/datasets", elapsed_seconds = 0.25, "a line as a service logs it");
        }
        if number % group == 0 {
            let due = started + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}
