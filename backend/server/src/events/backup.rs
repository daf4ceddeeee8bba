//! Events of the scheduled backups.

use crate::catalogue::BACKUP_SIZE_BYTES;

/// The database was saved.
pub struct DatabaseSaved<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Its size.
    pub size_bytes: u64,
}

impl DatabaseSaved<'_> {
    /// Sets the gauge of its size; the job monitor counts the run.
    pub fn emit(self) {
        let Self { file, size_bytes } = self;
        BACKUP_SIZE_BYTES.set(size_bytes as f64);
        tracing::info!(file, size_bytes, "database saved");
    }
}
