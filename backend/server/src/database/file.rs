//! Which file the embedded database is. A connection keeps its file open when that is moved or removed, and what it then
//! writes is found by nobody: so a connection is used only while the path leads to the file it had at the start.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The path, and the file it led to when the pool was opened.
#[derive(Clone)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    first: Arc<OnceLock<(u64, u64)>>,
}

impl DatabaseFile {
    /// The file at this path, which there may not be yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, first: Arc::default() }
    }

    /// Remembers the file that is there now, and from then on nothing else will do.
    ///
    /// # Errors
    /// A path that leads to none.
    pub(super) fn remember(&self) -> io::Result<()> {
        let found = self.found()?;
        self.first.get_or_init(|| found);
        Ok(())
    }

    /// Whether the path leads to the file that was remembered, if one was.
    ///
    /// # Errors
    /// It leads to none, or to another one: that a connection to it would work does not make it this service's state.
    pub(super) fn check(&self) -> io::Result<()> {
        let Some(first) = self.first.get() else { return Ok(()) };
        if self.found()? == *first {
            return Ok(());
        }
        let message = "is not the file that it was at the start: put that back, or start again with this one";
        Err(io::Error::other(format!("{} {message}", self.path.display())))
    }

    fn found(&self) -> io::Result<(u64, u64)> {
        let metadata = std::fs::metadata(&self.path)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_of_the_start_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("here"), folder.path().join("elsewhere"));
        let file = DatabaseFile::at(path.clone());
        assert!(file.check().is_ok() && file.remember().is_err(), "nothing is there yet");
        std::fs::write(&path, "1").unwrap();
        file.remember().unwrap();
        file.check().unwrap();
        std::fs::rename(&path, &elsewhere).unwrap();
        assert_eq!(file.check().unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "1").unwrap();
        assert!(file.check().unwrap_err().to_string().contains("at the start"));
        std::fs::rename(&elsewhere, &path).unwrap();
        file.check().unwrap();
    }
}
