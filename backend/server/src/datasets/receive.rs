//! An upload's bytes, stored, hashed and profiled at the same time as they come. Memory stays the same at any size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belfry_learning::profile::{CsvError, GzipProfiler, Limits, Profile, Profiler};
use bytes::Bytes;
use futures::future::OptionFuture;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::config::UploadConfig;
use crate::error::{Error, Result};
use crate::state::App;
use crate::storage::Writer;

/// What is taken in while the batch before is worked on.
const BATCH_BYTES: usize = 512 << 10;

/// What is profiled between two looks at the time. Unpacked it may be a thousand times as much.
const PROFILED_BYTES: usize = 64 << 10;

const GZIP: &[u8] = b"\x1F\x8B";

/// All of an upload's bytes, and what they are. The file is not finished: dropped, it leaves nothing behind.
pub struct Received {
    /// Where the file will be.
    pub storage_key: String,
    /// Finishes the file.
    pub writer: Writer,
    /// `csv` or `csv.gz`.
    pub format: &'static str,
    /// As sent.
    pub size_bytes: u64,
    /// Of the bytes as sent, in hexadecimal.
    pub sha256: String,
    /// Rows and columns.
    pub profile: Profile,
}

/// Takes in all pieces. `gzip`: it was said to be; otherwise its first bytes tell.
///
/// # Errors
/// Whatever is found first: the client's (too large, stalled, gone, no table) or ours.
pub async fn receive<S>(app: &App, id: &str, gzip: bool, pieces: S) -> Result<Received>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
{
    let mut source = Source { app, pieces, seen_bytes: 0, ended: false };
    let mut waiting = Vec::new();
    while !source.ended && length(&waiting) < GZIP.len() {
        source.read_into(&mut waiting).await?;
    }
    let start: Vec<u8> = waiting.iter().flatten().copied().take(GZIP.len()).collect();
    let gzip = gzip || start == GZIP;
    let storage_key = format!("datasets/{id}");
    let writer = app.storage.write(&storage_key).await?;
    let idle = Work { writer, hasher: Sha256::new(), profiling: Profiling::new(gzip, &app.config.upload) };

    let mut idle = Some(idle);
    let mut busy = std::pin::pin!(OptionFuture::from(None));
    let work = loop {
        if let Some(work) = idle.take_if(|_| !waiting.is_empty()) {
            busy.set(Some(work.process(std::mem::take(&mut waiting).into())).into());
        }
        if let Some(work) = idle.take_if(|_| source.ended) {
            break work;
        }
        let has_room = !source.ended && length(&waiting) < BATCH_BYTES;
        tokio::select! {
            read = source.read_into(&mut waiting), if has_room => read?,
            Some(done) = &mut busy, if idle.is_none() => {
                busy.set(None.into());
                idle = Some(done?);
            }
        }
    };
    Ok(Received {
        storage_key,
        writer: work.writer,
        format: if gzip { "csv.gz" } else { "csv" },
        size_bytes: source.seen_bytes,
        sha256: hex::encode(work.hasher.finalize()),
        profile: work.profiling.profiler.finish().map_err(|error| refusal(&error))?,
    })
}

/// Waits for the client, but not longer than `UPLOAD__IDLE_TIMEOUT`, nor beyond the end of this process.
pub async fn wait_for_client<F: Future>(app: &App, future: F) -> Result<F::Output> {
    let idle_timeout = app.config.upload.idle_timeout;
    let waited = tokio::time::timeout(idle_timeout, future);
    match app.shutdown.cut_off.run_until_cancelled(waited).await {
        Some(waited) => waited.map_err(|_| Error::Stalled(idle_timeout.as_secs())),
        None => Err(Error::Busy("the server stops".to_owned())),
    }
}

/// The pieces as they come, counted and bounded.
struct Source<'a, S> {
    app: &'a App,
    pieces: S,
    seen_bytes: u64,
    ended: bool,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Source<'_, S> {
    async fn read_into(&mut self, waiting: &mut Vec<Bytes>) -> Result<()> {
        let Some(piece) = wait_for_client(self.app, self.pieces.next()).await? else {
            self.ended = true;
            return Ok(());
        };
        let piece = piece?;
        self.seen_bytes += piece.len() as u64;
        let limit_bytes = self.app.config.upload.max_bytes;
        if self.seen_bytes > limit_bytes {
            return Err(Error::TooLarge { limit_bytes });
        }
        waiting.push(piece);
        Ok(())
    }
}

/// Everything that each piece goes through.
struct Work {
    writer: Writer,
    hasher: Sha256,
    profiling: Profiling,
}

impl Work {
    async fn process(self, batch: Arc<[Bytes]>) -> Result<Self> {
        let Self { mut writer, mut hasher, mut profiling } = self;
        // Threads are taken for a batch, not for an upload: uploads that wait for their clients hold none.
        let pieces = batch.clone();
        let hashing = spawn_blocking(move || {
            pieces.iter().for_each(|piece| hasher.update(piece));
            hasher
        });
        let pieces = batch.clone();
        let profiled = spawn_blocking(move || {
            pieces.iter().try_for_each(|piece| profiling.push(piece))?;
            Ok::<_, Error>(profiling)
        });
        for piece in batch.iter() {
            writer.write(piece.clone()).await?;
        }
        let broken = |error| Error::Internal(anyhow::Error::new(error).context("a thread of an upload ended"));
        let profiling = profiled.await.map_err(broken)??;
        Ok(Self { writer, hasher: hashing.await.map_err(broken)?, profiling })
    }
}

/// A profiler and the time it has taken.
struct Profiling {
    profiler: AnyProfiler,
    spent: Duration,
    max_time: Duration,
}

impl Profiling {
    fn new(gzip: bool, config: &UploadConfig) -> Self {
        let profiler = AnyProfiler::new(gzip, config);
        Self { profiler, spent: Duration::ZERO, max_time: config.max_processing_time }
    }

    fn push(&mut self, piece: &[u8]) -> Result<()> {
        piece.chunks(PROFILED_BYTES).try_for_each(|part| {
            let started = Instant::now();
            self.profiler.push(part).map_err(|error| refusal(&error))?;
            self.spent += started.elapsed();
            if self.spent > self.max_time { Err(too_slow(self.max_time)) } else { Ok(()) }
        })
    }
}

enum AnyProfiler {
    Plain(Box<Profiler>),
    Gzip(Box<GzipProfiler>),
}

impl AnyProfiler {
    fn new(gzip: bool, config: &UploadConfig) -> Self {
        let limits = Limits {
            max_columns: config.max_columns,
            max_record_bytes: config.max_record_bytes,
            max_uncompressed_bytes: config.max_uncompressed_bytes,
            max_ratio: config.max_ratio,
        };
        if gzip { Self::Gzip(GzipProfiler::new(limits).into()) } else { Self::Plain(Profiler::new(limits).into()) }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), CsvError> {
        match self {
            Self::Plain(profiler) => profiler.push(piece),
            Self::Gzip(profiler) => profiler.push(piece),
        }
    }

    fn finish(self) -> Result<Profile, CsvError> {
        match self {
            Self::Plain(profiler) => profiler.finish(),
            Self::Gzip(profiler) => profiler.finish(),
        }
    }
}

fn length(pieces: &[Bytes]) -> usize {
    pieces.iter().map(Bytes::len).sum()
}

/// 422 with the place in the file.
fn refusal(error: &CsvError) -> Error {
    let extras = match serde_json::to_value(error) {
        Ok(serde_json::Value::Object(extras)) => extras,
        other => unreachable!("a struct is an object, not {other:?}"),
    };
    Error::Invalid { code: error.code.name(), detail: error.to_string(), extras }
}

/// 422 for a table that takes longer to read than it is worth.
fn too_slow(max_time: Duration) -> Error {
    let expected = format!("at most {}", humantime::format_duration(max_time));
    let detail = format!("the table takes too long to read, expected {expected}");
    let extras = serde_json::Map::from_iter([("expected".to_owned(), expected.into())]);
    Error::Invalid { code: "processing_timeout", detail, extras }
}
