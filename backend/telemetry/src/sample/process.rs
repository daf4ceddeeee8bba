//! What the operating system says of this process.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::catalogue::{
    PROCESS_CPU_SECONDS_TOTAL, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY_BYTES, PROCESS_THREADS,
};

/// What the operating system says of this process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessReading {
    /// Memory in RAM, in bytes.
    pub resident_bytes: u64,
    /// CPU time used, in seconds.
    pub cpu_seconds: f64,
    /// Open file descriptors.
    pub open_fds: Option<usize>,
    /// The most file descriptors it may open.
    pub max_fds: Option<usize>,
    /// Threads.
    pub threads: Option<usize>,
}

impl ProcessReading {
    /// Reads this process through `system`, which keeps what the next reading needs. `None` where the system tells nothing.
    pub fn read(system: &mut System) -> Option<Self> {
        let pid = Pid::from_u32(std::process::id());
        let kinds = ProcessRefreshKind::nothing().with_memory().with_cpu().with_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kinds);
        let process = system.process(pid)?;
        Some(Self {
            resident_bytes: process.memory(),
            cpu_seconds: process.accumulated_cpu_time() as f64 / 1_000.0,
            open_fds: process.open_files(),
            max_fds: process.open_files_limit(),
            // The task list leaves out the main thread.
            threads: process.tasks().map(|tasks| tasks.len() + 1),
        })
    }

    /// Sets the process gauges. What the system did not tell this time is taken off the page.
    pub fn emit(self) {
        PROCESS_RESIDENT_MEMORY_BYTES.set(self.resident_bytes as f64);
        PROCESS_CPU_SECONDS_TOTAL.set(self.cpu_seconds);
        PROCESS_OPEN_FDS.set_or_forget(self.open_fds.map(|open| open as f64));
        PROCESS_MAX_FDS.set_or_forget(self.max_fds.map(|most| most as f64));
        PROCESS_THREADS.set_or_forget(self.threads.map(|threads| threads as f64));
    }
}
