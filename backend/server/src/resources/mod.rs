//! How full the disk and the memory are: readings, as values, with the threshold they are held to. How many threads there may
//! be is in `threads.rs`.

mod cgroup;
mod threads;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belfry_telemetry::health::Cached;
use belfry_telemetry::sample::{DiskReading, MemoryReading};
use bytesize::ByteSize;

use crate::config::Config;
use cgroup::memory_limit;
pub use threads::blocking_threads;

/// From this share in use on, in percent, a resource counts as spent.
const CRITICAL_PERCENT: f64 = 98.0;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    /// Below the threshold.
    Ok,
    /// From the threshold on.
    Warning,
    /// Spent.
    Error,
}

/// How much of a resource is in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    pub used_bytes: u64,
    pub total_bytes: u64,
    pub warning_percent: u32,
}

impl Usage {
    /// The file system that holds `folder`, as a process without special rights may use it.
    pub fn of_disk(folder: &Path, warning_percent: u32) -> Result<Self, String> {
        let disk = DiskReading::read(folder).map_err(|error| format!("cannot be read: {error}"))?;
        let DiskReading { used_bytes, total_bytes } = disk;
        Ok(Self { used_bytes, total_bytes, warning_percent })
    }

    /// This machine's memory, or this container's where it has a limit of its own.
    pub fn of_memory(warning_percent: u32) -> Result<Self, String> {
        let memory = MemoryReading::read().ok_or("cannot be read on this system")?;
        // Not sysinfo's reading of the group, which counts page cache as used: a container that serves files would look full.
        let (used_bytes, total_bytes) = match memory_limit("/proc/self/cgroup".as_ref(), "/sys/fs/cgroup".as_ref()) {
            Some(limit) if limit.limit_bytes < memory.total_bytes => (limit.used_bytes, limit.limit_bytes),
            _ => (memory.used_bytes, memory.total_bytes),
        };
        Ok(Self { used_bytes, total_bytes, warning_percent })
    }

    pub fn used_percent(&self) -> f64 {
        if self.total_bytes == 0 { 0.0 } else { self.used_bytes as f64 / self.total_bytes as f64 * 100.0 }
    }

    pub fn level(&self) -> Level {
        match self.used_percent() {
            percent if percent >= CRITICAL_PERCENT => Level::Error,
            percent if percent >= f64::from(self.warning_percent) => Level::Warning,
            _ => Level::Ok,
        }
    }
}

/// Disk and memory, each read at most once a second and on a thread of its own. A file system that hangs holds up one
/// thread, however often it is asked for, and nobody for longer than `deadline`.
pub struct Resources {
    folder: PathBuf,
    disk_warning_percent: u32,
    memory_warning_percent: u32,
    deadline: Duration,
    disk: Cached<Reading>,
    memory: Cached<Reading>,
}

/// A usage, or a sentence that says why there is none.
pub type Reading = Result<Usage, String>;

impl Resources {
    /// The disk of the data folder and the memory, held to the thresholds of the settings.
    pub fn new(config: &Config, deadline: Duration) -> Self {
        Self {
            folder: config.data.dir.clone(),
            disk_warning_percent: config.alerts.threshold_disk,
            memory_warning_percent: config.alerts.threshold_memory,
            deadline,
            disk: Cached::default(),
            memory: Cached::default(),
        }
    }

    /// How full the disk of the data folder is.
    pub async fn disk(&self) -> Reading {
        let read = || {
            let (folder, percent) = (self.folder.clone(), self.disk_warning_percent);
            on_a_thread(move || Usage::of_disk(&folder, percent))
        };
        self.in_time(self.disk.get(read)).await
    }

    /// How full the memory is that this process may use.
    pub async fn memory(&self) -> Reading {
        let percent = self.memory_warning_percent;
        self.in_time(self.memory.get(|| on_a_thread(move || Usage::of_memory(percent)))).await
    }

    async fn in_time(&self, reading: impl Future<Output = Reading>) -> Reading {
        let late = |_| Err(format!("no answer within {} ms", self.deadline.as_millis()));
        tokio::time::timeout(self.deadline, reading).await.unwrap_or_else(late)
    }
}

async fn on_a_thread(read: impl FnOnce() -> Reading + Send + 'static) -> Reading {
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err("the reading panicked".to_owned()))
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, total) = (ByteSize::b(self.used_bytes), ByteSize::b(self.total_bytes));
        write!(formatter, "{:.1} % of {total} in use ({used})", self.used_percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_warns_at_its_threshold_and_fails_when_critical() {
        let level = |used_bytes| Usage { used_bytes, total_bytes: 1_000, warning_percent: 85 }.level();
        assert_eq!(level(849), Level::Ok);
        assert_eq!(level(850), Level::Warning);
        assert_eq!(level(979), Level::Warning);
        assert_eq!(level(980), Level::Error);
    }
}
