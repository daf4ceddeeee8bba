//! Tells the tasks of this process of changes at once. Other processes learn of them from the database, later.

use tokio::sync::{Notify, broadcast};

/// A listener that is further behind than this looks at the database instead.
const CHANGES_KEPT: usize = 256;

/// Tells workers of new runs and listeners of progress.
pub struct Wakers {
    queue: Notify,
    changes: broadcast::Sender<String>,
}

impl Default for Wakers {
    fn default() -> Self {
        Self { queue: Notify::new(), changes: broadcast::Sender::new(CHANGES_KEPT) }
    }
}

impl Wakers {
    /// A run was queued: one idle worker looks.
    pub fn run_queued(&self) {
        self.queue.notify_one();
    }

    /// Waits until a run is queued. A run that was queued while nobody waited counts.
    pub async fn queued(&self) {
        self.queue.notified().await;
    }

    /// A run's row or progress changed.
    pub fn run_changed(&self, run_id: &str) {
        // No listener is no error.
        let _ = self.changes.send(run_id.to_owned());
    }

    /// Changes from now on.
    pub fn changes(&self) -> Changes {
        Changes(self.changes.subscribe())
    }
}

/// Changes of runs as they happen.
pub struct Changes(broadcast::Receiver<String>);

impl Changes {
    /// Waits until this run may have changed.
    pub async fn of(&mut self, run_id: &str) {
        loop {
            match self.0.recv().await {
                Ok(changed) if changed == run_id => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
