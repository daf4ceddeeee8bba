//! A compressed table: the same profile, with the decompressed size bounded as it grows.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::error::{CsvError, CsvErrorCode};
use super::{Limits, Profile, Profiler};

/// Profiles a gzip-compressed CSV file that is pushed into it piece by piece.
///
/// Decompression goes through a small fixed buffer and stops at [`Limits::max_uncompressed_bytes`], so a file that
/// unpacks to far more than its size costs neither memory nor much time.
pub struct GzipProfiler {
    decoder: MultiGzDecoder<Sink>,
    seen_bytes: u64,
}

struct Sink {
    profiler: Profiler,
    error: Option<CsvError>,
}

impl GzipProfiler {
    /// A profiler that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        let sink = Sink { profiler: Profiler::new(limits), error: None };
        Self { decoder: MultiGzDecoder::new(sink), seen_bytes: 0 }
    }

    /// Takes the next compressed bytes. After an error the profiler is spent: do not push again.
    ///
    /// # Errors
    /// `bad_gzip`, or the first thing in the file that makes it no table.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), CsvError> {
        self.seen_bytes += chunk.len() as u64;
        match self.decoder.write_all(chunk) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse(&error)),
        }
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

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.profiler.push(bytes) {
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
