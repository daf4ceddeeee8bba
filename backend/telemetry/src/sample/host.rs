//! Readings of this machine from the operating system, or of the container where the system separates them.

use std::path::Path;
use std::time::Instant;

use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, Networks, System};

use crate::catalogue::{
    HOST_CPU_USAGE_RATIO, HOST_CPUS, HOST_DISK_TOTAL_BYTES, HOST_DISK_USAGE_RATIO, HOST_DISK_USED_BYTES, HOST_LOAD1,
    HOST_LOAD5, HOST_LOAD15, HOST_MEMORY_TOTAL_BYTES, HOST_MEMORY_USAGE_RATIO, HOST_MEMORY_USED_BYTES,
    HOST_NETWORK_RECEIVE_BYTES_TOTAL, HOST_NETWORK_TRANSMIT_BYTES_TOTAL,
};

/// State kept between two readings.
pub struct Host {
    system: System,
    networks: Networks,
    cpu_read_at: Instant,
}

/// Processors, memory, load and network at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostReading {
    /// Share of CPU time in use since the reading before, from 0 to 1.
    pub cpu_usage_ratio: f64,
    /// Processors.
    pub cpus: usize,
    /// Memory, in bytes.
    pub memory_total_bytes: u64,
    /// Memory that is in use and cannot be given up at once, in bytes.
    pub memory_used_bytes: u64,
    /// Load averages over 1, 5 and 15 minutes; `None` where the system has none.
    pub load: Option<[f64; 3]>,
    /// Bytes received since the machine started, without loopback.
    pub received_bytes: u64,
    /// Bytes sent since the machine started, without loopback.
    pub transmitted_bytes: u64,
}

impl Host {
    /// Starts the state for the first reading; `None` on an unsupported system.
    pub fn begin() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_cpu_usage();
        Some(Self { system, networks: Networks::new().ok()?, cpu_read_at: Instant::now() })
    }

    /// Reads the machine.
    pub fn read(&mut self) -> HostReading {
        // Over a shorter time the system's clock ticks are too coarse.
        if self.cpu_read_at.elapsed() >= MINIMUM_CPU_UPDATE_INTERVAL {
            self.system.refresh_cpu_usage();
            self.cpu_read_at = Instant::now();
        }
        let memory = MemoryReading::refresh(&mut self.system);
        self.networks.refresh(true);
        let outside = self.networks.iter().filter(|(name, _)| *name != "lo");
        let (received_bytes, transmitted_bytes) = outside.fold((0, 0), |(received, transmitted), (_, network)| {
            (received + network.total_received(), transmitted + network.total_transmitted())
        });
        HostReading {
            cpu_usage_ratio: f64::from(self.system.global_cpu_usage()) / 100.0,
            cpus: self.system.cpus().len(),
            memory_total_bytes: memory.total_bytes,
            memory_used_bytes: memory.used_bytes,
            load: System::load_average().ok().map(|load| [load.one, load.five, load.fifteen]),
            received_bytes,
            transmitted_bytes,
        }
    }
}

impl HostReading {
    /// Sets the host gauges.
    pub fn emit(self) {
        HOST_CPU_USAGE_RATIO.set(self.cpu_usage_ratio);
        HOST_CPUS.set(self.cpus as f64);
        HOST_MEMORY_TOTAL_BYTES.set(self.memory_total_bytes as f64);
        HOST_MEMORY_USED_BYTES.set(self.memory_used_bytes as f64);
        HOST_MEMORY_USAGE_RATIO.set_or_forget(ratio(self.memory_used_bytes, self.memory_total_bytes));
        for (gauge, minutes) in [&HOST_LOAD1, &HOST_LOAD5, &HOST_LOAD15].into_iter().zip(0..) {
            gauge.set_or_forget(self.load.map(|load| load[minutes]));
        }
        HOST_NETWORK_RECEIVE_BYTES_TOTAL.set(self.received_bytes as f64);
        HOST_NETWORK_TRANSMIT_BYTES_TOTAL.set(self.transmitted_bytes as f64);
    }
}

/// The memory of this machine at one moment.
///
/// ```
/// use belfry_telemetry::sample::MemoryReading;
///
/// if let Some(memory) = MemoryReading::read() {
///     assert!(memory.used_bytes <= memory.total_bytes);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryReading {
    /// Memory, in bytes.
    pub total_bytes: u64,
    /// Memory that is in use and cannot be given up at once, in bytes.
    pub used_bytes: u64,
}

impl MemoryReading {
    /// Reads it; `None` on an unsupported system.
    pub fn read() -> Option<Self> {
        Some(Self::refresh(&mut System::new().ok()?))
    }

    fn refresh(system: &mut System) -> Self {
        system.refresh_memory();
        let total_bytes = system.total_memory();
        Self { total_bytes, used_bytes: total_bytes.saturating_sub(system.available_memory()) }
    }
}

/// A file system at one moment.
///
/// ```
/// use belfry_telemetry::{sample::DiskReading, testing::changed_series};
///
/// let disk = DiskReading { total_bytes: 1000, used_bytes: 250 };
/// let series = changed_series(|| DiskReading::emit(Some(disk), "uploads"));
/// assert!(series.contains(&r#"host_disk_usage_ratio{disk="uploads"} 0.25"#.to_owned()));
/// // A folder that cannot be read.
/// assert!(DiskReading::read(std::path::Path::new("/nowhere/at/all")).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskReading {
    /// Bytes available to unprivileged processes, used or not.
    pub total_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
}

impl DiskReading {
    /// Reads the file system that holds `folder`.
    pub fn read(folder: &Path) -> std::io::Result<Self> {
        let disk = rustix::fs::statvfs(folder)?;
        let used_bytes = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
        Ok(Self { total_bytes: used_bytes + disk.f_bavail * disk.f_frsize, used_bytes })
    }

    /// Sets the gauges of the disk called `name`; without a reading they are removed from the page.
    pub fn emit(reading: Option<Self>, name: &'static str) {
        let set = |gauge: metrics::Gauge, value: Option<f64>| gauge.set(value.unwrap_or(f64::NAN));
        set(HOST_DISK_TOTAL_BYTES.with(name), reading.map(|disk| disk.total_bytes as f64));
        set(HOST_DISK_USED_BYTES.with(name), reading.map(|disk| disk.used_bytes as f64));
        set(HOST_DISK_USAGE_RATIO.with(name), reading.and_then(|disk| ratio(disk.used_bytes, disk.total_bytes)));
    }
}

/// The used share; `None` when the total is 0.
fn ratio(used: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| used as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::changed_series;

    #[test]
    fn a_reading_sets_each_gauge_of_the_host() {
        let reading = HostReading {
            cpu_usage_ratio: 0.25,
            cpus: 2,
            memory_total_bytes: 1_000,
            memory_used_bytes: 250,
            load: Some([1.5, 1.0, 0.5]),
            received_bytes: 7,
            transmitted_bytes: 8,
        };
        let expected = [
            "host_cpu_usage_ratio 0.25",
            "host_cpus 2",
            "host_load1 1.5",
            "host_load15 0.5",
            "host_load5 1",
            "host_memory_total_bytes 1000",
            "host_memory_usage_ratio 0.25",
            "host_memory_used_bytes 250",
            "host_network_receive_bytes_total 7",
            "host_network_transmit_bytes_total 8",
        ];
        assert_eq!(changed_series(|| reading.emit()), expected);
    }

    #[test]
    fn a_disk_that_cannot_be_read_is_unknown() {
        let reading = DiskReading::read(Path::new("/nowhere/at/all")).ok();
        let forgotten =
            ["total_bytes", "usage_ratio", "used_bytes"].map(|what| format!("host_disk_{what}{{disk=\"data\"}} NaN"));
        assert_eq!(changed_series(|| DiskReading::emit(reading, "data")), forgotten);
    }

    #[test]
    fn the_memory_of_this_machine_is_partly_in_use() {
        let memory = MemoryReading::read().unwrap();
        assert!(memory.used_bytes > 0 && memory.used_bytes < memory.total_bytes, "{memory:?}");
    }

    #[test]
    fn the_disk_of_this_test_has_room_and_is_in_use() {
        let disk = DiskReading::read(&std::env::temp_dir()).unwrap();
        assert!(disk.used_bytes <= disk.total_bytes && disk.total_bytes > 0, "{disk:?}");
    }
}
