//! Old files removed one after the other. One that cannot be removed does not stop the others; it fails the run at its end.

use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::scheduler::JobMetadata;

/// A removal in flight.
pub(super) struct FileRemoval<'r> {
    metadata: &'r JobMetadata,
    stopping: &'r CancellationToken,
    failed: u64,
    first_error: Option<io::Error>,
}

impl<'r> FileRemoval<'r> {
    /// Begins one, which is interrupted when the process stops.
    pub(super) fn begin(metadata: &'r JobMetadata, stopping: &'r CancellationToken) -> Self {
        metadata.set("removed", 0);
        Self { metadata, stopping, failed: 0, first_error: None }
    }

    /// Whether to begin with no further file; recorded.
    pub(super) fn is_interrupted(&self) -> bool {
        let is_interrupted = self.stopping.is_cancelled();
        if is_interrupted {
            self.metadata.set("interrupted", true);
        }
        is_interrupted
    }

    /// Removes a file that is to be counted. Returns whether it is gone.
    pub(super) async fn remove(&mut self, path: &Path) -> bool {
        let is_gone = self.remove_uncounted(path).await;
        self.metadata.add("removed", u64::from(is_gone));
        is_gone
    }

    /// Removes what belongs to another file, if it is there. Returns whether it is gone.
    pub(super) async fn remove_uncounted(&mut self, path: &Path) -> bool {
        match tokio::fs::remove_file(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.failed += 1;
                self.metadata.add("failed", 1);
                tracing::warn!(file = %path.display(), cause = %error, "old file not removed");
                self.first_error.get_or_insert(error);
                false
            }
            _ => true,
        }
    }

    /// Fails if one of the files could not be removed.
    pub(super) fn finish(self) -> Result<()> {
        let Some(error) = self.first_error else { return Ok(()) };
        let message = format!("old files that could not be removed: {}", self.failed);
        Err(Error::Internal(anyhow::Error::new(error).context(message)))
    }
}
