//! Profiles a CSV file and says how fast: `profile <file.csv>`. Build it with `--release`.

use std::error::Error;
use std::time::Instant;

use belfry_learning::profile::{Limits, Profiler};

/// As much as an upload hands over at a time.
const CHUNK_BYTES: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: profile <file.csv>")?;
    let bytes = std::fs::read(path)?;
    let started = Instant::now();
    let mut profiler = Profiler::new(Limits::default());
    for chunk in bytes.chunks(CHUNK_BYTES) {
        profiler.push(chunk)?;
    }
    let profile = profiler.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&profile)?);
    println!("{} rows, {:.0} MB/s", profile.rows, bytes.len() as f64 / 1e6 / seconds);
    Ok(())
}
