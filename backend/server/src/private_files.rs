//! What this service writes is for its own user alone: folders 0700, files 0600. New files get that from the umask; those of
//! an earlier version, or that were copied in, are restricted at the start.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// The permissions of everybody else.
const OTHERS: u32 = 0o077;

/// The folders that this service makes in `DATA__DIR`.
const FOLDERS: [&str; 3] = ["files", "backups", "work"];

/// The files that this service makes in `DATA__DIR`.
const FILES: [&str; 6] =
    ["belfry.db", "belfry.db-wal", "belfry.db-shm", "belfry.db.restoring", "folder-id", "in-use.lock"];

/// Has whatever this process and its children make be for their own user alone.
pub fn set_umask() {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
}

/// Restricts what is in the data folder to its user, and the folder itself if nothing else is in it. What cannot be restricted,
/// such as a file of another user, is logged and stays.
pub async fn restrict_existing(folder: &Path) {
    let folder = folder.to_owned();
    let restricted =
        tokio::task::spawn_blocking(move || Restriction::of_data_folder(&folder)).await.unwrap_or_default();
    if restricted.changed > 0 {
        tracing::info!(changed = restricted.changed, "files and folders of DATA__DIR restricted to their user");
    }
    if let Some((path, error)) = restricted.failed.first() {
        let (path, count) = (path.display(), restricted.failed.len());
        tracing::warn!(%path, count, cause = %error, "files or folders of DATA__DIR stay open to other users");
    }
}

/// What was changed, and what could not be.
#[derive(Debug, Default)]
struct Restriction {
    changed: u64,
    failed: Vec<(PathBuf, io::Error)>,
}

impl Restriction {
    fn of_data_folder(folder: &Path) -> Self {
        let mut restriction = Self::default();
        for name in FILES {
            restriction.restrict(&folder.join(name));
        }
        for name in FOLDERS {
            restriction.restrict_tree(&folder.join(name));
        }
        // It may be a folder of others that was named by mistake, such as /tmp.
        if holds_nothing_else(folder) {
            restriction.restrict(folder);
        }
        restriction
    }

    /// The folder itself comes last: one that is restricted has been gone through, and hides what is in it in any case.
    fn restrict_tree(&mut self, folder: &Path) {
        if is_open(folder) {
            self.restrict_entries(folder);
            self.restrict(folder);
        }
    }

    fn restrict_entries(&mut self, folder: &Path) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.failed.push((folder.to_owned(), error)),
        };
        for entry in entries.flatten() {
            // Links may lead out of the folder.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    self.restrict_entries(&entry.path());
                    self.restrict(&entry.path());
                }
                Ok(kind) if kind.is_file() => self.restrict(&entry.path()),
                _ => {}
            }
        }
    }

    fn restrict(&mut self, path: &Path) {
        let restricted = path.metadata().and_then(|metadata| {
            let mode = metadata.permissions().mode();
            let open = mode & OTHERS != 0;
            if open {
                std::fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
            }
            Ok(open)
        });
        match restricted {
            Ok(changed) => self.changed += u64::from(changed),
            // Most of them are there at times only.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.failed.push((path.to_owned(), error)),
        }
    }
}

fn is_open(path: &Path) -> bool {
    let is_open = |metadata: Metadata| metadata.permissions().mode() & OTHERS != 0;
    path.metadata().is_ok_and(is_open)
}

fn holds_nothing_else(folder: &Path) -> bool {
    let is_ours = |name: &str| FOLDERS.contains(&name) || FILES.contains(&name);
    let mut entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    fn make(path: &Path, mode: u32) {
        std::fs::write(path, "x").unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn make_folder(path: &Path, mode: u32) {
        std::fs::create_dir_all(path).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_data_folder_is_restricted_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let elsewhere = folder.path().join("elsewhere");
        make(&elsewhere, 0o644);
        make_folder(&data.join("files/datasets"), 0o755);
        make_folder(&data.join("files"), 0o755);
        make_folder(&data, 0o2755);
        make(&data.join("belfry.db"), 0o644);
        make(&data.join("files/datasets/a"), 0o664);
        std::os::unix::fs::symlink(&elsewhere, data.join("files/link")).unwrap();
        let restriction = Restriction::of_data_folder(&data);
        assert_eq!((restriction.changed, restriction.failed.len()), (5, 0), "{restriction:?}");
        assert_eq!((mode_of(&data), mode_of(&data.join("belfry.db"))), (0o2700, 0o600));
        assert_eq!((mode_of(&data.join("files")), mode_of(&data.join("files/datasets"))), (0o700, 0o700));
        assert_eq!((mode_of(&data.join("files/datasets/a")), mode_of(&elsewhere)), (0o600, 0o644));
        assert_eq!(Restriction::of_data_folder(&data).changed, 0);
    }

    #[test]
    fn a_folder_of_others_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        make_folder(folder.path(), 0o755);
        make(&folder.path().join("somebodys"), 0o644);
        make(&folder.path().join("belfry.db"), 0o644);
        assert_eq!(Restriction::of_data_folder(folder.path()).changed, 1);
        assert_eq!((mode_of(folder.path()), mode_of(&folder.path().join("somebodys"))), (0o755, 0o644));
        assert_eq!(mode_of(&folder.path().join("belfry.db")), 0o600);
    }
}
