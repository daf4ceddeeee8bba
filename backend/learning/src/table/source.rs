//! The two passes over a dataset's file.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;

use super::{Checkpoint, Request};
use crate::error::TrainError;
use crate::profile::{CsvError, CsvErrorCode, Head, Limits, MAX_RECORD_BYTES, Profile, Profiler};

/// Generous, because the upload was already held to the configured limits; they bound this process's memory.
const LIMITS: Limits = Limits {
    max_columns: 100_000,
    max_record_bytes: MAX_RECORD_BYTES,
    max_uncompressed_bytes: u64::MAX,
    max_ratio: u32::MAX,
};

const CHUNK_BYTES: usize = 256 << 10;
/// Records between two checks of the clock and the stop flag.
const CHECK_EVERY: u64 = 10_000;

pub(super) fn profile(request: Request<'_>, checkpoint: Checkpoint<'_>) -> Result<Profile, TrainError> {
    let mut reader = open(request)?;
    let mut profiler = Profiler::new(LIMITS);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        checkpoint()?;
        match reader.read(&mut chunk).map_err(|error| unreadable(error, request.gzip))? {
            0 => break,
            read => profiler.push(&chunk[..read])?,
        }
    }
    Ok(profiler.finish()?)
}

pub(super) fn for_each_record(
    request: Request<'_>,
    checkpoint: Checkpoint<'_>,
    mut visit: impl FnMut(&ByteRecord),
) -> Result<(), TrainError> {
    let mut source = open(request)?;
    let mut head = Head::default();
    let mut ahead = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = source.read(&mut chunk).map_err(|error| unreadable(error, request.gzip))?;
        let (taken, complete) = head.push(&chunk[..read], LIMITS.max_header_bytes());
        if complete || read == 0 {
            ahead.extend_from_slice(&chunk[taken..read]);
            break;
        }
    }
    let opening = head.finish();
    let whole = Cursor::new(opening.bytes).chain(Cursor::new(ahead)).chain(source);
    let mut records = csv::ReaderBuilder::new().delimiter(opening.delimiter).from_reader(whole);
    let mut record = ByteRecord::new();
    let mut count = 0;
    while records.read_byte_record(&mut record).map_err(|error| unreadable(error.into(), request.gzip))? {
        if count % CHECK_EVERY == 0 {
            checkpoint()?;
        }
        count += 1;
        visit(&record);
    }
    Ok(())
}

fn open(request: Request<'_>) -> Result<Box<dyn Read>, TrainError> {
    let file = BufReader::with_capacity(CHUNK_BYTES, File::open(request.path).map_err(TrainError::Read)?);
    Ok(if request.gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn unreadable(error: io::Error, gzip: bool) -> TrainError {
    if gzip && matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof) {
        let found = "bytes that are not gzip, or are damaged";
        return CsvError::new(CsvErrorCode::BadGzip, 1, found, "a complete gzip file").into();
    }
    TrainError::Read(error)
}
