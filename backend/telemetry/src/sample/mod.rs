//! Readings of the machine, the process and the runtime, taken just before a page of metrics is written.
//!
//! A reading is a value; tests build it by hand. What cannot be read is removed from the page rather than left as it was.
//! [`Telemetry`](crate::Telemetry) takes all of them by itself. The disk's is public, for services that also act on it:
//!
//! ```
//! use belfry_telemetry::sample::DiskReading;
//!
//! let disk = DiskReading::read(std::path::Path::new("/")).unwrap();
//! assert!(disk.used_bytes <= disk.total_bytes);
//! ```

mod host;
mod process;
mod runtime;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sysinfo::System;
use tokio::runtime::Handle;

use host::Host;
pub use host::{DiskReading, MemoryReading};
use process::ProcessReading;
use runtime::RuntimeReading;

use crate::catalogue::{
    APP_UPTIME_SECONDS, PROCESS_CPU_SECONDS_TOTAL, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY_BYTES,
    PROCESS_THREADS,
};
use crate::registry::Reading;

/// What every service reads: its uptime, its process, its runtime and its machine. Must be called inside a Tokio runtime.
pub(crate) fn standard() -> Vec<Reading> {
    let (started, runtime) = (Instant::now(), Handle::current());
    let mut readings: Vec<Reading> = vec![
        Box::new(move || APP_UPTIME_SECONDS.set(started.elapsed().as_secs_f64())),
        Box::new(move || RuntimeReading::read(&runtime).emit()),
        Box::new(|| DiskReading::emit(DiskReading::read(Path::new("/")).ok(), "root")),
    ];
    if let Ok(system) = System::new() {
        readings.push(with_state(system, |system| match ProcessReading::read(system) {
            Some(reading) => reading.emit(),
            None => forget_process(),
        }));
    }
    if let Some(host) = Host::begin() {
        readings.push(with_state(host, |host| host.read().emit()));
    }
    readings
}

fn forget_process() {
    for gauge in [
        &PROCESS_RESIDENT_MEMORY_BYTES,
        &PROCESS_CPU_SECONDS_TOTAL,
        &PROCESS_OPEN_FDS,
        &PROCESS_MAX_FDS,
        &PROCESS_THREADS,
    ] {
        gauge.forget(());
    }
}

/// A reading that keeps `state` between its runs.
fn with_state<T: Send + 'static>(state: T, read: impl Fn(&mut T) + Send + 'static) -> Reading {
    let state = Mutex::new(state);
    Box::new(move || read(&mut state.lock().unwrap_or_else(PoisonError::into_inner)))
}
