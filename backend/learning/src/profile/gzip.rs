//! A compressed table: the same profile, with the decompressed size bounded as it grows.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::error::{CsvError, CsvErrorCode};
use super::{FREE_UNPACKED_BYTES, Limits, Profile, Profiler};

/// Bytes decompressed between two looks at the ratio.
const SLICE_BYTES: usize = 8 << 10;

/// Profiles a gzip-compressed CSV file that is pushed into it piece by piece.
///
/// Decompression goes through a small fixed buffer and stops at [`Limits::max_uncompressed_bytes`] and
/// [`Limits::max_ratio`], so a file that unpacks to far more than its size costs neither memory nor much time.
pub struct GzipProfiler {
    decoder: MultiGzDecoder<Sink>,
    max_ratio: u32,
    seen_bytes: u64,
}

struct Sink {
    profiler: Profiler,
    /// What may have been unpacked by now.
    allowed_bytes: u64,
    max_ratio: u32,
    error: Option<CsvError>,
}

impl GzipProfiler {
    /// A profiler that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        let max_ratio = limits.max_ratio;
        let profiler = Profiler::new(limits);
        let sink = Sink { profiler, allowed_bytes: FREE_UNPACKED_BYTES, max_ratio, error: None };
        Self { decoder: MultiGzDecoder::new(sink), max_ratio, seen_bytes: 0 }
    }

    /// Takes the next compressed bytes. After an error the profiler is spent: do not push again.
    ///
    /// # Errors
    /// `bad_gzip`, `compression_ratio`, or the first thing in the file that makes it no table.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), CsvError> {
        // In slices, so that a bomb in a large piece is not allowed what the whole piece would be.
        chunk.chunks(SLICE_BYTES).try_for_each(|slice| {
            self.seen_bytes += slice.len() as u64;
            let allowed_bytes = self.seen_bytes.saturating_mul(self.max_ratio.into());
            self.decoder.get_mut().allowed_bytes = allowed_bytes.max(FREE_UNPACKED_BYTES);
            self.decoder.write_all(slice).map_err(|error| self.refuse(&error))
        })
    }

    /// Ends the file and returns its profile.
    ///
    /// # Errors
    /// As [`GzipProfiler::push`], and a file that is cut short.
    pub fn finish(mut self) -> Result<Profile, CsvError> {
        if self.seen_bytes == 0 {
            return Err(CsvError::new(CsvErrorCode::EmptyFile, 1, "no content", "a compressed table"));
        }
        if let Err(error) = self.decoder.try_finish() {
            return Err(self.refuse(&error));
        }
        match self.decoder.finish() {
            Ok(sink) => sink.profiler.finish(),
            Err(error) => Err(bad_gzip(&error)),
        }
    }

    fn refuse(&mut self, error: &io::Error) -> CsvError {
        self.decoder.get_mut().error.take().unwrap_or_else(|| bad_gzip(error))
    }
}

impl std::fmt::Debug for GzipProfiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GzipProfiler").field("seen_bytes", &self.seen_bytes).finish_non_exhaustive()
    }
}

fn bad_gzip(error: &io::Error) -> CsvError {
    let found = match error.kind() {
        io::ErrorKind::UnexpectedEof => "a gzip file that ends too early",
        _ => "bytes that are not gzip, or are damaged",
    };
    CsvError::new(CsvErrorCode::BadGzip, 1, found, "a complete gzip file")
}

impl Sink {
    fn check_ratio(&self) -> Result<(), CsvError> {
        if self.profiler.seen_bytes() <= self.allowed_bytes {
            return Ok(());
        }
        let max = self.max_ratio;
        let found = format!("gzip that unpacks to more than {max} times its size");
        Err(CsvError::new(CsvErrorCode::CompressionRatio, self.profiler.line(), found, format!("at most {max} times")))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let pushed = self.profiler.push(bytes).and_then(|()| self.check_ratio());
        match pushed {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.error = Some(error);
                Err(io::Error::other("the decompressed bytes are no table"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
