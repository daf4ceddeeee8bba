//! Ports that nobody listens on.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody listens on, and that no other test of this process is given.
#[must_use]
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// As many different ones. They lie below the range from which the kernel takes ports for connections, so that none is taken
/// between now and its use.
#[must_use]
pub fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at one time begin at different places.
    let begin = u16::try_from(std::process::id() % 1_000).unwrap() * 16;
    // All are held until the last is found, so no two are the same.
    let mut held = Vec::new();
    while held.len() < COUNT {
        let port = 15_000 + begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % 17_000;
        held.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    std::array::from_fn(|index| held[index].local_addr().unwrap().port())
}
