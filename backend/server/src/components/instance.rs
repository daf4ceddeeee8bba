//! This server process as others see it: an id, a folder `DATA__DIR/work/<id>` in which its runs are trained, and a lock
//! on that folder.
//!
//! The kernel releases the lock however the process dies. A folder whose lock is free therefore belongs to a dead process,
//! whose runs, of training and of jobs, can be taken back at once instead of when their lease expires. This holds for any
//! number of processes on one folder or on several: a process only checks the folders that it can see.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::own_thread::on_own_thread;

/// Locked while folders are made and checked, so that a new folder is not mistaken for an abandoned one.
const ROOT_LOCK: &str = "gate.lock";
const INSTANCE_LOCK: &str = "alive.lock";

/// This process.
pub struct Instance {
    /// Names this process in the runs it claims and in those of its jobs; new at every start.
    pub id: String,
    folder: PathBuf,
    _lock: File,
}

/// What a dead process left behind, as one part of the service sees it that takes back runs. The folder, by which a next
/// process would find it, goes with the last part: removed earlier, by a process that is killed then, the runs of the
/// other parts would be held until their leases expire.
pub struct DeadInstance {
    /// Its name in the runs it had claimed.
    pub id: String,
    folder: PathBuf,
    /// How many parts have not taken back their runs.
    parts: Arc<AtomicUsize>,
}

impl Instance {
    /// Makes a folder in `root` and finds those of dead processes.
    ///
    /// # Errors
    /// A folder that cannot be made, read or locked.
    pub fn open(root: &Path) -> io::Result<(Self, Vec<DeadInstance>)> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let root_lock = File::create(root.join(ROOT_LOCK))?;
        root_lock.lock()?;
        let mut dead = Vec::new();
        for (id, folder) in list_instances(&root)? {
            if !is_alive(&folder)? {
                dead.push(DeadInstance { id, folder, parts: Arc::new(AtomicUsize::new(1)) });
            }
        }
        let id = Uuid::now_v7().to_string();
        let folder = root.join(&id);
        std::fs::create_dir(&folder)?;
        let lock = File::create(folder.join(INSTANCE_LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok((Self { id, folder, _lock: lock }, dead))
    }

    /// An empty folder for one attempt at a run, removed when dropped.
    ///
    /// # Errors
    /// [`FolderError`].
    pub async fn create_run_folder(&self, run_id: &str) -> Result<RunFolder, FolderError> {
        let path = self.folder.join(run_id);
        let create = move || {
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::fs::create_dir(&path)?;
            Ok(RunFolder { path })
        };
        on_own_thread(create).await.map_err(FolderError::Thread)?.map_err(FolderError::Folder)
    }
}

/// Why there is no folder for an attempt, or no file in it.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The machine has no thread left for the work.
    #[error("no thread could be started")]
    Thread(#[source] io::Error),
    /// The file system failed.
    #[error("the folder could not be written")]
    Folder(#[source] io::Error),
}

impl Drop for Instance {
    fn drop(&mut self) {
        // What is left is removed by the next process.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders of dead processes in `root` that have not changed for `min_age`: their runs were taken back when
/// their leases expired. Returns how many.
///
/// # Errors
/// A folder that cannot be read, locked or removed; the others are removed all the same.
pub fn remove_abandoned_instances(root: &Path, min_age: Duration) -> io::Result<u64> {
    std::fs::create_dir_all(root)?;
    let root_lock = File::create(root.join(ROOT_LOCK))?;
    root_lock.lock()?;
    let (mut removed, mut failed) = (0, None);
    for (_, folder) in list_instances(root)? {
        match remove_if_abandoned(&folder, min_age) {
            Ok(was_abandoned) => removed += u64::from(was_abandoned),
            // Its own process has removed it since the root was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(removed), Err)
}

fn remove_if_abandoned(folder: &Path, min_age: Duration) -> io::Result<bool> {
    let age = SystemTime::now().duration_since(folder.metadata()?.modified()?).unwrap_or_default();
    let is_abandoned = age >= min_age && !is_alive(folder)?;
    if is_abandoned {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(is_abandoned)
}

/// The ids and folders of all processes, alive and dead, in `root`.
fn list_instances(root: &Path) -> io::Result<Vec<(String, PathBuf)>> {
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
    match File::open(folder.join(INSTANCE_LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        // It died after making the folder and before making the lock, or while it removed them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl DeadInstance {
    /// The same for one more part of the service.
    #[must_use]
    pub fn for_another_part(&self) -> Self {
        self.parts.fetch_add(1, Ordering::Relaxed);
        Self { id: self.id.clone(), folder: self.folder.clone(), parts: self.parts.clone() }
    }

    /// The runs of this part were taken back. The last part removes the process's folder.
    pub async fn taken_back(self) {
        if self.parts.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if let Err(error) = tokio::fs::remove_dir_all(&self.folder).await
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(cause = %error, "removing the folder of a dead process failed");
        }
    }
}

/// The folder of one attempt at a run.
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file of it and returns its path.
    ///
    /// # Errors
    /// [`FolderError`].
    pub async fn write(&self, name: &str, content: Vec<u8>) -> Result<PathBuf, FolderError> {
        let path = self.file(name);
        let write = move || std::fs::write(&path, content).map(|()| path);
        on_own_thread(write).await.map_err(FolderError::Thread)?.map_err(FolderError::Folder)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // A few small files; what is left is removed with the process's folder.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dead_instances_are_found_and_living_ones_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let (first, dead) = Instance::open(root.path()).unwrap();
        assert!(dead.is_empty());
        let file = first.create_run_folder("run").await.unwrap().file("spec.json");
        assert!(!file.parent().unwrap().exists(), "the folder outlived its guard");
        let (_second, dead) = Instance::open(root.path()).unwrap();
        assert!(dead.is_empty(), "a living process was taken for a dead one");

        let name = first.id.clone();
        let left = first.folder.join("run");
        std::fs::create_dir(&left).unwrap();
        // As if killed: the lock is released, the folder stays.
        let Instance { ref _lock, .. } = first;
        _lock.unlock().unwrap();
        let (_third, mut dead) = Instance::open(root.path()).unwrap();
        assert_eq!(dead.iter().map(|dead| dead.id.as_str()).collect::<Vec<_>>(), [name.as_str()]);
        let of_one_part = dead.pop().unwrap();
        let of_another = of_one_part.for_another_part();
        let given_up = of_one_part.for_another_part();
        of_one_part.taken_back().await;
        assert!(left.exists(), "two parts have not taken back their runs");
        drop(given_up);
        of_another.taken_back().await;
        assert!(left.exists(), "a part that stopped before has not taken back its runs");
        let (_fourth, mut dead) = Instance::open(root.path()).unwrap();
        assert_eq!(dead.iter().map(|dead| dead.id.as_str()).collect::<Vec<_>>(), [name]);
        let of_one_part = dead.pop().unwrap();
        of_one_part.for_another_part().taken_back().await;
        of_one_part.taken_back().await;
        assert!(!left.exists());
    }

    #[test]
    fn only_folders_of_long_dead_instances_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let (living, _) = Instance::open(root.path()).unwrap();
        let dead = root.path().join(Uuid::now_v7().to_string());
        std::fs::create_dir(&dead).unwrap();
        assert_eq!(remove_abandoned_instances(root.path(), Duration::from_secs(60)).unwrap(), 0);
        assert_eq!(remove_abandoned_instances(root.path(), Duration::ZERO).unwrap(), 1);
        assert!(!dead.exists() && living.folder.exists());
    }
}
