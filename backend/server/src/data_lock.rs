//! The lock on `DATA__DIR`, by which servers and a restore exclude each other: servers hold it shared, a restore holds it
//! exclusively. The kernel releases it when the process dies, in whatever way.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

/// In `DATA__DIR`; never removed, or two processes could hold locks on two files of this name.
const NAME: &str = "in-use.lock";

/// How often a server checks whether the restore it waits for has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Locks the folder together with other servers, until this process ends. While a restore holds it, this waits: a server that
/// stopped instead would be restarted again and again by its supervisor.
///
/// # Errors
/// A folder that cannot be made or locked.
pub async fn lock_shared(folder: &Path) -> anyhow::Result<()> {
    let file = open(folder)?;
    let mut has_logged = false;
    loop {
        match file.try_lock_shared() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                if !has_logged {
                    tracing::warn!(folder = %folder.display(), "waiting for a restore in DATA__DIR to end");
                    has_logged = true;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| cannot_lock(folder)),
        }
    }
    // Work that is cut off at a shutdown may still write after everything else has ended.
    std::mem::forget(file);
    Ok(())
}

/// Locks the folder for this process alone, until the file is dropped.
///
/// # Errors
/// A folder that cannot be made or locked, or that another process uses.
pub fn lock_exclusive(folder: &Path) -> anyhow::Result<File> {
    let file = open(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("a server or another restore uses {}: stop it first", folder.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| cannot_lock(folder)),
    }
}

fn open(folder: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    File::create(folder.join(NAME)).with_context(|| cannot_lock(folder))
}

fn cannot_lock(folder: &Path) -> String {
    format!("cannot lock the folder {}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn servers_share_a_folder_and_exclude_a_restore() {
        let folder = tempfile::tempdir().unwrap();
        let exclusive = lock_exclusive(folder.path()).unwrap();
        assert!(lock_exclusive(folder.path()).is_err());
        let waiting = tokio::time::timeout(POLL_INTERVAL * 3, lock_shared(folder.path()));
        assert!(waiting.await.is_err(), "a server came in beside a restore");
        drop(exclusive);
        lock_shared(folder.path()).await.unwrap();
        lock_shared(folder.path()).await.unwrap();
        let refused = lock_exclusive(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
    }
}
