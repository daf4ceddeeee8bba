//! Notifies the tasks of this process of queued and changed runs at once. Other processes see them in the database,
//! later.

use tokio::sync::{Notify, broadcast};

/// A subscriber that is further behind than this reads the database instead.
const CHANGES_BUFFERED: usize = 256;

/// Notifies workers of queued runs and subscribers of progress.
pub struct RunNotifications {
    queue: Notify,
    changes: broadcast::Sender<String>,
}

impl Default for RunNotifications {
    fn default() -> Self {
        Self { queue: Notify::new(), changes: broadcast::Sender::new(CHANGES_BUFFERED) }
    }
}

impl RunNotifications {
    /// A run was queued: one idle worker wakes up.
    pub fn notify_queued(&self) {
        self.queue.notify_one();
    }

    /// Waits until a run is queued. A run that was queued while nobody waited counts.
    pub async fn wait_until_queued(&self) {
        self.queue.notified().await;
    }

    /// A run's row or progress changed.
    pub fn notify_changed(&self, run_id: &str) {
        // Having no subscriber is not an error.
        let _ = self.changes.send(run_id.to_owned());
    }

    /// The changes of runs from now on.
    pub fn subscribe(&self) -> RunChanges {
        RunChanges(self.changes.subscribe())
    }
}

/// Changes of runs as they happen.
pub struct RunChanges(broadcast::Receiver<String>);

impl RunChanges {
    /// Waits until this run may have changed.
    pub async fn wait_for_change(&mut self, run_id: &str) {
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
