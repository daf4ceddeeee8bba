//! Where files are kept: a local folder by default, any S3-compatible store by `STORAGE__URL`.
//!
//! Keys are made by this program (`datasets/<uuid>`, `models/<uuid>`), never by a client. What a write method has
//! acknowledged survives a power cut. Orphan files are found through [`Storage::list`] and
//! [`Storage::remove_abandoned`].

mod remote;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio_util::io::ReaderStream;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;

/// What reading and writing return. `crate::error::Error` takes the error as it is.
pub type Result<T> = object_store::Result<T>;

/// The content of a file, in pieces.
pub type Content = BoxStream<'static, Result<Bytes>>;

/// The least that S3 accepts as a part is 5 MiB.
const REMOTE_PART_BYTES: u64 = 8 << 20;

/// The most parts that S3 accepts.
const REMOTE_MAX_PARTS: u64 = 10_000;

/// Large enough for a hand-over to another thread not to matter.
const LOCAL_PART_BYTES: usize = 1 << 20;

/// Parts in flight while the next one is filled; with it, they bound the memory of a writer.
const PARTS_IN_FLIGHT: usize = 2;

const READ_BYTES: usize = 256 << 10;

/// What a reader is given at once. There may be as many readers as connections, each with a client that takes its time.
const DOWNLOAD_BYTES: usize = 64 << 10;

/// The file store.
#[derive(Clone, Debug)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The same store where it is a folder of this machine.
    local: Option<LocalFileSystem>,
    part_bytes: usize,
    /// Writers that were dropped and are removing what they wrote.
    abandoned_writers: TaskTracker,
}

/// Whether the settings describe a store that can be opened; no request is made.
pub fn check(config: &Config) -> anyhow::Result<()> {
    if config.storage.url.is_empty() { Ok(()) } else { remote::open(&config.storage).map(drop) }
}

impl Storage {
    /// Opens the store; a missing local folder is created. No request is made to a remote store.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        if config.storage.url.is_empty() {
            return Self::open_local(&config.data.dir.join("files"));
        }
        let part_bytes = REMOTE_PART_BYTES.max(config.upload.max_bytes.div_ceil(REMOTE_MAX_PARTS));
        let part_bytes = usize::try_from(part_bytes).context("UPLOAD__MAX_BYTES is too large for this machine")?;
        Ok(Self {
            store: Arc::new(remote::open(&config.storage)?),
            local: None,
            part_bytes,
            abandoned_writers: TaskTracker::new(),
        })
    }

    fn open_local(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let local = LocalFileSystem::new_with_prefix(folder).context("cannot open the file store")?.with_fsync(true);
        Ok(Self {
            store: Arc::new(local.clone()),
            local: Some(local),
            part_bytes: LOCAL_PART_BYTES,
            abandoned_writers: TaskTracker::new(),
        })
    }

    /// Begins a new file. Nothing is to be read under `key` before [`Writer::finish`] has returned.
    pub async fn write(&self, key: &str) -> Result<Writer> {
        let upload = self.store.put_multipart(&key.into()).await?;
        let upload = WriteMultipart::new_with_chunk_size(upload, self.part_bytes);
        Ok(Writer { upload: Some(upload), abandoned_writers: self.abandoned_writers.clone() })
    }

    /// Waits until the unfinished files of dropped writers are removed. Called at the end of the process: when the runtime
    /// ends, pending removals are lost.
    pub async fn finish_pending_removals(&self) {
        self.abandoned_writers.close();
        self.abandoned_writers.wait().await;
    }

    /// Copies a local file in and returns its size. It is durable when this returns.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<u64> {
        let file = tokio::fs::File::open(path).await.map_err(|error| failed(path, error))?;
        let mut writer = self.write(key).await?;
        let mut pieces = ReaderStream::with_capacity(file, READ_BYTES);
        let mut size_bytes = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failed(path, error))?;
            size_bytes += piece.len() as u64;
            writer.write(piece).await?;
        }
        writer.finish().await?;
        Ok(size_bytes)
    }

    /// Reads a file or a part of it.
    ///
    /// # Errors
    /// `NotFound`, and a range that begins beyond the end.
    pub async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Content> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&key.into(), options).await?;
        let length = found.range.end - found.range.start;
        // object_store reads local files 8 KiB at a time, each on another thread. Each client of a download that does not
        // read has up to three such buffers: of the file, of the stream, and of the connection.
        Ok(match found.payload {
            GetResultPayload::File(file, path) => {
                let mut file = tokio::fs::File::from_std(file);
                let positioned = file.seek(SeekFrom::Start(found.range.start)).await;
                positioned.map_err(|error| failed(&path, error))?;
                let pieces = ReaderStream::with_capacity(file.take(length), DOWNLOAD_BYTES);
                pieces.map_err(move |error| failed(&path, error)).boxed()
            }
            GetResultPayload::Stream(pieces) => pieces,
        })
    }

    /// Copies a file out to a new local file.
    pub async fn fetch_to_file(&self, key: &str, path: &Path) -> Result<()> {
        let mut pieces = self.read(key, None).await?;
        let mut file = tokio::fs::File::create_new(path).await.map_err(|error| failed(path, error))?;
        while let Some(piece) = pieces.try_next().await? {
            file.write_all(&piece).await.map_err(|error| failed(path, error))?;
        }
        file.flush().await.map_err(|error| failed(path, error))
    }

    /// The path of a file that is on this machine already, which spares the copy.
    pub fn local_path(&self, key: &str) -> Option<PathBuf> {
        self.local.as_ref()?.path_to_filesystem(&key.into()).ok()
    }

    /// Removes a file; one that is not there is no error.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.store.delete(&key.into()).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    /// Whether there is such a file.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        match self.store.head(&key.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The size of a file in bytes; `NotFound` when there is none.
    #[cfg(test)]
    pub async fn size(&self, key: &str) -> Result<u64> {
        Ok(self.store.head(&key.into()).await?.size)
    }

    /// All files whose keys begin with the folder `prefix`, with sizes and times of change.
    pub fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(Some(&prefix.into()))
    }

    /// Writes, reads and deletes a small file.
    pub async fn probe(&self) -> anyhow::Result<()> {
        let key = format!("probes/{}", Uuid::now_v7()).into();
        let sent = Bytes::from_static(b"belfry");
        self.store.put(&key, sent.clone().into()).await.context("cannot write")?;
        let read = async { self.store.get(&key).await?.bytes().await };
        let read = read.await;
        self.store.delete(&key).await.context("cannot delete")?;
        ensure!(read.context("cannot read")? == sent, "read other bytes than were written");
        Ok(())
    }

    /// Removes what writers that were killed left half-written, if nothing was added for `at_least`. Of a remote store
    /// such parts are not ours to see: there a life-cycle rule of the bucket does it.
    ///
    /// # Errors
    /// A folder that cannot be read. A file that cannot be removed stops nothing.
    pub async fn remove_abandoned(&self, prefix: &str, at_least: Duration) -> std::io::Result<Abandoned> {
        let mut abandoned = Abandoned::default();
        let Some(folder) = self.local_path(prefix) else { return Ok(abandoned) };
        let mut entries = match tokio::fs::read_dir(&folder).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(abandoned),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            // The local store writes to `<key>#<number>` until the file is complete.
            if !entry.file_name().to_string_lossy().contains('#') {
                continue;
            }
            let aged = async {
                let changed = entry.metadata().await?.modified()?;
                let old = SystemTime::now().duration_since(changed).is_ok_and(|age| age >= at_least);
                if old {
                    tokio::fs::remove_file(entry.path()).await?;
                }
                Ok::<_, std::io::Error>(old)
            };
            match aged.await {
                Ok(old) => abandoned.removed += u64::from(old),
                // Its writer has finished or removed it since the folder was read.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => abandoned.failures.push(error),
            }
        }
        Ok(abandoned)
    }
}

/// What became of half-written files.
#[derive(Debug, Default)]
pub struct Abandoned {
    /// How many were removed.
    pub removed: u64,
    /// Why the others were not.
    pub failures: Vec<std::io::Error>,
}

/// A file being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct Writer {
    upload: Option<WriteMultipart>,
    abandoned_writers: TaskTracker,
}

impl Writer {
    /// Takes the next bytes; waits while too much is in flight.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let upload = self.upload.as_mut().expect("only finish takes it, and finish consumes the writer");
        upload.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        upload.put(bytes);
        Ok(())
    }

    /// Makes the file durable and visible.
    pub async fn finish(mut self) -> Result<()> {
        let upload = self.upload.take().expect("only this takes it");
        upload.finish().await?;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a runtime the process is at its end; a folder cleans up by itself, a bucket by its rules.
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            let removing = self.abandoned_writers.track_future(async move {
                let mut upload = upload;
                // A part that arrives after the upload was aborted would stay there unseen, so those in flight are
                // waited for first. Whether they succeed does not matter.
                let _ = upload.wait_for_capacity(0).await;
                if let Err(error) = upload.abort().await {
                    tracing::warn!(cause = crate::error::chain(&error), "unfinished file not removed");
                }
            });
            runtime.spawn(removing);
        }
    }
}

fn failed(path: &Path, error: std::io::Error) -> object_store::Error {
    let source = std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    object_store::Error::Generic { store: "local", source: source.into() }
}

#[cfg(test)]
mod tests;
