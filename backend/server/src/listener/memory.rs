//! Gives memory back to the system after many connections have ended.
//!
//! The allocator of glibc keeps what was freed between pieces that are still in use. After a crowd of clients that is tens
//! of megabytes, which would stay for good.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(10);

/// Fewer connections than these leave nothing worth the search.
const CROWD: u64 = 64;

/// Counts connections that have ended.
#[derive(Default)]
pub struct EndedConnections(AtomicU64);

impl EndedConnections {
    /// One more.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives memory back after each crowd, for ever.
    pub async fn release_memory(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if self.0.swap(0, Ordering::Relaxed) >= CROWD {
                // It takes milliseconds, in which no other thread of its arenas can allocate. A failure to start it
                // leaves the memory where it was.
                let _ = tokio::task::spawn_blocking(trim).await;
            }
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "glibc's malloc_trim has no safe binding")]
fn trim() {
    // SAFETY: malloc_trim(3) may be called at any time from any thread, and touches only memory that is free.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
