//! The id of a data folder, in its file `folder-id`. Servers that share the folder share the id, and a server keeps it when
//! it starts again; so jobs that are about a folder and its machine are distinguished from those of other servers.

use std::io::{self, Write};
use std::path::Path;

use uuid::Uuid;

const FILE: &str = "folder-id";

/// The id of `folder`, which is given one at first.
///
/// # Errors
/// A folder that cannot be written to, or a file in it that holds no id.
pub fn folder_id(folder: &Path) -> io::Result<String> {
    let path = folder.join(FILE);
    if !path.exists() {
        std::fs::create_dir_all(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(Uuid::now_v7().to_string().as_bytes())?;
        match new.persist_noclobber(&path) {
            // Another server on the folder was quicker.
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
            _ => {}
        }
    }
    let id = std::fs::read_to_string(&path)?;
    Uuid::try_parse(id.trim()).map(|id| id.to_string()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} holds no id; remove it to get a new one", path.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_id_and_has_its_own() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = folder_id(first.path()).unwrap();
        assert_eq!(folder_id(first.path()).unwrap(), id);
        assert_ne!(folder_id(second.path()).unwrap(), id);
        std::fs::write(first.path().join(FILE), "").unwrap();
        assert!(folder_id(first.path()).unwrap_err().to_string().contains("holds no id"));
    }
}
