//! The gauge of queued and running runs, read from the database, which is the same for every process.

use super::store::queue;
use crate::database::{Database, bounds};
use crate::events::training::{QueueDepth, log_background_failure};

/// Sets the gauge to what the database holds now.
pub async fn refresh_queue_depth(database: &Database) {
    match bounds::with_request_timeout(queue::queue_depth(database)).await {
        Ok(depth) => depth.emit(),
        Err(error) => {
            QueueDepth::forget();
            log_background_failure("reading the queue depth failed", &error);
        }
    }
}
