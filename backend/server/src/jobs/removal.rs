//! Old files removed one after the other: one that cannot be removed never keeps the others, and fails the run at its end.

use std::io;
use std::path::Path;

use belfry_telemetry::jobs::JobMetadata as Notes;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// A removal under way.
pub(super) struct Removal<'r> {
    notes: &'r Notes,
    stopping: &'r CancellationToken,
    failed: u64,
    first_error: Option<io::Error>,
}

impl<'r> Removal<'r> {
    /// Begins one, which is interrupted when the process stops.
    pub(super) fn begin(notes: &'r Notes, stopping: &'r CancellationToken) -> Self {
        notes.set("removed", 0);
        Self { notes, stopping, failed: 0, first_error: None }
    }

    /// Whether to begin with no further file; noted down.
    pub(super) fn is_interrupted(&self) -> bool {
        let is_interrupted = self.stopping.is_cancelled();
        if is_interrupted {
            self.notes.set("interrupted", true);
        }
        is_interrupted
    }

    /// Removes a file that is to be counted. Returns whether it is gone.
    pub(super) async fn remove(&mut self, path: &Path) -> bool {
        let is_gone = self.remove_silently(path).await;
        self.notes.add("removed", u64::from(is_gone));
        is_gone
    }

    /// Removes what belongs to another file, if it is there. Returns whether it is gone.
    pub(super) async fn remove_silently(&mut self, path: &Path) -> bool {
        match tokio::fs::remove_file(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.failed += 1;
                self.notes.add("failed", 1);
                tracing::warn!(file = %path.display(), cause = %error, "an old file could not be removed");
                self.first_error.get_or_insert(error);
                false
            }
            _ => true,
        }
    }

    /// Fails if one of the files could not be removed.
    pub(super) fn end(self) -> Result<()> {
        let Some(error) = self.first_error else { return Ok(()) };
        let message = format!("old files that could not be removed: {}", self.failed);
        Err(Error::Internal(anyhow::Error::new(error).context(message)))
    }
}
