//! The lock on `DATA__DIR`, by which servers and a restore exclude each other: servers share it, a restore has
//! it alone. The kernel releases it when the process dies, in whatever way.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

/// In `DATA__DIR`; never removed, or two processes could hold locks on two files of this name.
const NAME: &str = "in-use.lock";

/// How often a server looks whether the restore it waits for has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Shares the folder with other servers, to the end of this process. While a restore has it, this waits: a server that
/// stopped instead would be started again and again by whatever keeps it running.
///
/// # Errors
/// A folder that cannot be made or locked.
pub async fn share(folder: &Path) -> anyhow::Result<()> {
    let file = open(folder)?;
    let mut is_told = false;
    loop {
        match file.try_lock_shared() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                if !is_told {
                    tracing::warn!(folder = %folder.display(), "waiting for a restore in DATA__DIR to end");
                    is_told = true;
                }
                tokio::time::sleep(LOOK).await;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| cannot_lock(folder)),
        }
    }
    // Work that is cut off at the end may still write when everything else is gone.
    std::mem::forget(file);
    Ok(())
}

/// Takes the folder for this process alone, until the file is dropped.
///
/// # Errors
/// A folder that cannot be made or locked, or that another process uses.
pub fn take_alone(folder: &Path) -> anyhow::Result<File> {
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
    async fn servers_share_a_folder_and_nobody_has_it_alone_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let alone = take_alone(folder.path()).unwrap();
        assert!(take_alone(folder.path()).is_err());
        let waiting = tokio::time::timeout(LOOK * 3, share(folder.path()));
        assert!(waiting.await.is_err(), "a server came in beside a restore");
        drop(alone);
        share(folder.path()).await.unwrap();
        share(folder.path()).await.unwrap();
        let refused = take_alone(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
    }
}
