//! Small blocking work that must not wait for the runtime's threads for blocking work: those may all be busy, or hang in a
//! file system that does not answer.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// Enough for a few system calls.
const STACK_BYTES: usize = 256 << 10;

/// Runs `work` on a thread of its own. Use it where the number of callers is bounded.
///
/// # Errors
/// A thread that cannot be started, or whose work panicked.
pub async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    let run = move || {
        // Without a receiver nobody waits for it any more.
        let _ = sender.send(work());
    };
    thread::Builder::new().name("folder".to_owned()).stack_size(STACK_BYTES).spawn(run)?;
    done.await.map_err(|_| io::Error::other("a thread panicked"))
}
