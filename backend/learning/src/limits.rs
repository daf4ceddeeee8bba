//! The limits that a training child sets for itself before it begins, so that it cannot harm other processes, and the
//! resources that it reports at its end.

use std::io;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setpriority_process, setrlimit,
};
use rustix::time::{ClockId, clock_gettime};

/// The limit counts mapped memory, of which a process has some that it never touches: its program, its stacks, its
/// allocator's arenas.
const HEAD_ROOM_BYTES: u64 = 256 << 20;

/// Lower than the server's, so that requests come first.
const NICENESS: i32 = 10;

/// Bounds memory, lowers priority, and binds this process's life to its parent's. Nothing is left behind in a core
/// file either, as it would hold the data.
pub(crate) fn confine(memory_limit_bytes: u64) -> io::Result<()> {
    let exactly = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::As, exactly(memory_limit_bytes.saturating_add(HEAD_ROOM_BYTES)))?;
    setrlimit(Resource::Core, exactly(0))?;
    setpriority_process(None, NICENESS)?;
    Ok(())
}

/// Asks the kernel to kill this process when its parent dies; false where the parent is dead already.
pub(crate) fn die_with_parent(parent: Option<Pid>) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that died before the request was made sends no signal any more.
    Ok(getppid() == parent)
}

/// Processor time of this process, user and system, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The most memory this process held at once, in bytes; 0 where the system does not report it.
pub(crate) fn peak_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
