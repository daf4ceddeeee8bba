//! The folder in which this process's runs are trained, `DATA__DIR/work/<instance>`, and the lock on it.
//!
//! The kernel releases the lock when the process dies in whatever way. A folder whose lock can be taken thus belongs to
//! a dead process, whose runs, of training and of jobs, can be taken up at once rather than when their lease is over. This holds for any number
//! of processes on one folder or on several: a process judges only the folders it can see.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

/// Held while folders are made and judged, so that a folder just made is not taken for one left behind.
const GATE: &str = "gate.lock";
const LOCK: &str = "alive.lock";

/// This process's place of work.
pub struct Workplace {
    /// Names this process in the runs it claims and in those of its jobs; new at every start.
    pub instance: String,
    folder: PathBuf,
    _alive: File,
}

/// What a dead process left.
pub struct Dead {
    /// Its name in the runs it had claimed.
    pub instance: String,
    folder: PathBuf,
}

impl Workplace {
    /// Makes a place in `root` and finds those of dead processes.
    ///
    /// # Errors
    /// A folder that cannot be made, read or locked.
    pub fn open(root: &Path) -> io::Result<(Self, Vec<Dead>)> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let gate = File::create(root.join(GATE))?;
        gate.lock()?;
        let mut dead = Vec::new();
        for (instance, folder) in instances(&root)? {
            if !is_alive(&folder)? {
                dead.push(Dead { instance, folder });
            }
        }
        let instance = Uuid::now_v7().to_string();
        let folder = root.join(&instance);
        std::fs::create_dir(&folder)?;
        let alive = File::create(folder.join(LOCK))?;
        alive.try_lock().map_err(io::Error::from)?;
        Ok((Self { instance, folder, _alive: alive }, dead))
    }

    /// An empty folder for one attempt at a run, removed when dropped.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub async fn folder_for(&self, run_id: &str) -> io::Result<RunFolder> {
        let path = self.folder.join(run_id);
        match tokio::fs::remove_dir_all(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        tokio::fs::create_dir(&path).await?;
        Ok(RunFolder { path })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What stays is swept by the next process.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Removes what dead processes left in `root` and has not changed for `at_least`: their runs were taken back long ago, by
/// whoever could see that their lease was over. Returns how many.
///
/// # Errors
/// A folder that cannot be read, locked or removed; the others are removed all the same.
pub fn remove_abandoned(root: &Path, at_least: Duration) -> io::Result<u64> {
    std::fs::create_dir_all(root)?;
    let gate = File::create(root.join(GATE))?;
    gate.lock()?;
    let (mut removed, mut failed) = (0, None);
    for (_, folder) in instances(root)? {
        match remove_if_abandoned(&folder, at_least) {
            Ok(was_abandoned) => removed += u64::from(was_abandoned),
            // Its process has removed it itself since the root was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(removed), Err)
}

fn remove_if_abandoned(folder: &Path, at_least: Duration) -> io::Result<bool> {
    let age = SystemTime::now().duration_since(folder.metadata()?.modified()?).unwrap_or_default();
    let is_abandoned = age >= at_least && !is_alive(folder)?;
    if is_abandoned {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(is_abandoned)
}

/// The names and folders of all processes that are or were in `root`.
fn instances(root: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut instances = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|name| Uuid::parse_str(name).is_ok()) {
            instances.push((name.to_owned(), entry.path()));
        }
    }
    Ok(instances)
}

fn is_alive(folder: &Path) -> io::Result<bool> {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        // It died between making the folder and the lock, or while it removed them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Dead {
    /// Removes what the process left, once its runs were taken back.
    pub async fn sweep(self) {
        if let Err(error) = tokio::fs::remove_dir_all(&self.folder).await
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(cause = %error, "the files of a dead process could not be removed");
        }
    }
}

/// The folder of one attempt at a run.
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // A few small files; what stays goes with the process's folder.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_living_are_left_alone_and_the_dead_are_found_with_their_files() {
        let root = tempfile::tempdir().unwrap();
        let (first, dead) = Workplace::open(root.path()).unwrap();
        assert!(dead.is_empty());
        let file = first.folder_for("run").await.unwrap().file("spec.json");
        assert!(!file.parent().unwrap().exists(), "the folder outlived its guard");
        let (_second, dead) = Workplace::open(root.path()).unwrap();
        assert!(dead.is_empty(), "a living process was taken for a dead one");

        let name = first.instance.clone();
        let left = first.folder.join("run");
        std::fs::create_dir(&left).unwrap();
        // Dies without clean-up: the lock goes, the folder stays.
        let Workplace { ref _alive, .. } = first;
        _alive.unlock().unwrap();
        let (_third, mut dead) = Workplace::open(root.path()).unwrap();
        assert_eq!(dead.iter().map(|dead| dead.instance.as_str()).collect::<Vec<_>>(), [name]);
        dead.pop().unwrap().sweep().await;
        assert!(!left.exists());
    }

    #[test]
    fn only_the_old_of_the_dead_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let (living, _) = Workplace::open(root.path()).unwrap();
        let dead = root.path().join(Uuid::now_v7().to_string());
        std::fs::create_dir(&dead).unwrap();
        assert_eq!(remove_abandoned(root.path(), Duration::from_secs(60)).unwrap(), 0);
        assert_eq!(remove_abandoned(root.path(), Duration::ZERO).unwrap(), 1);
        assert!(!dead.exists() && living.folder.exists());
    }
}
