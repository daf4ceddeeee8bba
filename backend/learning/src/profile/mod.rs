//! A table read once, as it streams past: is it a table, how many rows, what is in its columns.
//!
//! [`Profiler`] takes the bytes of a CSV file in pieces of any size and keeps one record at most, so its memory is
//! flat. [`GzipProfiler`] does the same for a compressed file. Reading a table in order to learn from it is in
//! `table`.

mod column;
mod dialect;
mod error;
mod gzip;
mod notes;
mod records;
mod scan;
mod whole_values;
mod word;

use serde::{Deserialize, Serialize};

pub use column::{Column, ColumnKind};
pub(crate) use dialect::Head;
pub use error::{CsvError, CsvErrorCode};
pub use gzip::GzipProfiler;
pub use notes::{ColumnNote, NoteCode};
use records::Records;
pub(crate) use whole_values::are_classes;

/// The greatest [`Limits::max_record_bytes`] that training reads, too.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// Bytes of the line of column names at most. They are kept, stored and shown.
const MAX_HEADER_BYTES: usize = 4 << 20;

/// What a table may measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Columns at most.
    pub max_columns: usize,
    /// Bytes of one record at most, quotes and delimiters included. The line of column names may have 4 MiB at most.
    pub max_record_bytes: usize,
    /// Bytes of the whole table at most, after decompression.
    pub max_uncompressed_bytes: u64,
    /// How many times its compressed size a table may have after decompression, at any point of it that lies beyond
    /// [`FREE_UNPACKED_BYTES`].
    pub max_ratio: u32,
}

/// What a compressed table may unpack to at any ratio: so much does no harm, and small tables may well repeat themselves.
pub const FREE_UNPACKED_BYTES: u64 = 16 << 20;

impl Limits {
    /// Bytes of the line of column names at most.
    pub(crate) const fn max_header_bytes(self) -> usize {
        if self.max_record_bytes < MAX_HEADER_BYTES { self.max_record_bytes } else { MAX_HEADER_BYTES }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_columns: 2000, max_record_bytes: 512 << 10, max_uncompressed_bytes: 16 << 30, max_ratio: 200 }
    }
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Records below the header.
    pub rows: u64,
    /// The columns, in the order of the header.
    pub columns: Vec<Column>,
}

/// Profiles a CSV file that is pushed into it piece by piece. How it is cut into pieces makes no difference.
///
/// The first line names the columns, separated by commas, semicolons, tabs or `|`, whichever is most frequent in it. A
/// first line of nothing but numbers is taken for data and refused as `no_header`. Fields may be quoted and may
/// then hold line ends; a byte-order mark, CRLF and blank lines make no difference.
#[derive(Debug)]
pub struct Profiler {
    limits: Limits,
    seen_bytes: u64,
    /// The first bytes, to name a binary format by.
    start: Vec<u8>,
    text: Utf8Check,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Head(Head),
    Body(Box<Records>),
}

const START_BYTES: usize = 16;

impl Profiler {
    /// A profiler that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            seen_bytes: 0,
            start: Vec::with_capacity(START_BYTES),
            text: Utf8Check::default(),
            phase: Phase::Head(Head::default()),
        }
    }

    /// Takes the next bytes. After an error the profiler is spent: do not push again.
    ///
    /// # Errors
    /// The first thing in the file that makes it no table.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), CsvError> {
        let room = START_BYTES - self.start.len();
        self.start.extend_from_slice(&chunk[..chunk.len().min(room)]);

        let allowed = self.limits.max_uncompressed_bytes - self.seen_bytes;
        let within = &chunk[..chunk.len().min(usize::try_from(allowed).unwrap_or(usize::MAX))];
        self.seen_bytes += within.len() as u64;

        let flaw = self.text.check(within);
        if let Some((offset, _)) = &flaw {
            // Only what was seen up to the flaw is judged, however much came along with it.
            let flaw_at = self.seen_bytes - (within.len() - offset) as u64;
            self.start.truncate(usize::try_from(flaw_at + 1).unwrap_or(START_BYTES));
        }
        // What stands before the flaw comes first, as it would were the file pushed byte by byte.
        self.feed(&within[..flaw.as_ref().map_or(within.len(), |(offset, _)| *offset)])?;
        if let Some((_, flaw)) = flaw {
            return Err(self.refuse(flaw));
        }
        if within.len() < chunk.len() {
            let max = self.limits.max_uncompressed_bytes;
            return Err(CsvError::new(
                CsvErrorCode::TooLarge,
                self.line(),
                format!("more than {max} bytes"),
                format!("at most {max} bytes of uncompressed data"),
            ));
        }
        Ok(())
    }

    /// Ends the file and returns its profile.
    ///
    /// # Errors
    /// A file that ends too early: empty, without rows, inside a quoted field or a character.
    pub fn finish(mut self) -> Result<Profile, CsvError> {
        if let Some(flaw) = self.text.finish() {
            return Err(self.refuse(flaw));
        }
        if let Phase::Head(head) = &mut self.phase {
            let opening = head.finish();
            self.begin_body(&opening)?;
        }
        match self.phase {
            Phase::Body(records) => records.finish(),
            Phase::Head(_) => unreachable!("the head was ended above"),
        }
    }

    /// Bytes taken so far.
    pub fn seen_bytes(&self) -> u64 {
        self.seen_bytes
    }

    fn feed(&mut self, mut chunk: &[u8]) -> Result<(), CsvError> {
        if let Phase::Head(head) = &mut self.phase {
            let (taken, complete) = head.push(chunk, self.limits.max_header_bytes());
            if !complete {
                return Ok(());
            }
            let opening = head.finish();
            chunk = &chunk[taken..];
            self.begin_body(&opening)?;
        }
        match &mut self.phase {
            Phase::Body(records) => records.feed(chunk),
            Phase::Head(_) => Ok(()),
        }
    }

    fn begin_body(&mut self, opening: &dialect::Opening) -> Result<(), CsvError> {
        let mut records = Box::new(Records::new(self.limits, opening.delimiter));
        let fed = records.feed(&opening.bytes);
        self.phase = Phase::Body(records);
        fed
    }

    fn line(&self) -> u64 {
        match &self.phase {
            Phase::Head(head) => 1 + head.line_ends(),
            Phase::Body(records) => records.line(),
        }
    }

    fn refuse(&self, flaw: Flaw) -> CsvError {
        if let Some(format) = dialect::binary_format(&self.start) {
            let expected = "a plain CSV file (a compressed one is uploaded as csv.gz)";
            return CsvError::new(CsvErrorCode::NotText, 1, format, expected);
        }
        let error = match flaw {
            Flaw::Nul => CsvError::new(CsvErrorCode::NotText, self.line(), "a NUL byte", "UTF-8 text"),
            Flaw::Byte(byte) => {
                let found = format!("the byte 0x{byte:02X}, which is not UTF-8");
                CsvError::new(CsvErrorCode::NotUtf8, self.line(), found, "UTF-8 text")
            }
            Flaw::CutShort => CsvError::new(
                CsvErrorCode::NotUtf8,
                self.line(),
                "the end of the file inside a character",
                "UTF-8 text",
            ),
        };
        match &self.phase {
            Phase::Body(records) => match records.open_field() {
                Some((index, name)) => error.at_column(index, name),
                None => error,
            },
            Phase::Head(_) => error,
        }
    }
}

/// What makes bytes no text.
#[derive(Debug)]
enum Flaw {
    Nul,
    Byte(u8),
    CutShort,
}

/// Checks UTF-8 across pieces that may be cut inside a character.
#[derive(Debug, Default)]
struct Utf8Check {
    /// The bytes of a character whose end has not arrived.
    open: Vec<u8>,
}

impl Utf8Check {
    /// The first flaw and the offset in `chunk` before which nothing is wrong.
    fn check(&mut self, chunk: &[u8]) -> Option<(usize, Flaw)> {
        let mut from = 0;
        while !self.open.is_empty() && from < chunk.len() {
            self.open.push(chunk[from]);
            from += 1;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(error) if error.error_len().is_some() => return Some((0, Flaw::Byte(self.open[0]))),
                Err(_) => {}
            }
        }
        let rest = &chunk[from..];
        let nul = memchr::memchr(0, rest);
        let checked = &rest[..nul.unwrap_or(rest.len())];
        match std::str::from_utf8(checked) {
            Ok(_) => {}
            Err(error) if error.error_len().is_some() || nul.is_some() => {
                let at = error.valid_up_to();
                return Some((from + at, Flaw::Byte(checked[at])));
            }
            Err(error) => self.open.extend_from_slice(&checked[error.valid_up_to()..]),
        }
        nul.map(|at| (from + at, Flaw::Nul))
    }

    fn finish(&self) -> Option<Flaw> {
        (!self.open.is_empty()).then_some(Flaw::CutShort)
    }
}
