//! The first bytes of a table: a byte-order mark or none, and which character separates its columns.

/// The UTF-8 byte-order mark some spreadsheets write.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The separators that are recognised; the first wins where two are equally frequent.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Collects the header line and decides how the rest is to be read.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    counts: [usize; DELIMITERS.len()],
    has_content: bool,
    in_quotes: bool,
}

/// The header line as read so far, and the dialect derived from it.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The bytes read, without a byte-order mark.
    pub(crate) bytes: Vec<u8>,
    /// The character between columns.
    pub(crate) delimiter: u8,
}

impl Head {
    /// Takes bytes up to the end of the header line. Returns how many, and whether the line is complete or has
    /// reached `limit` bytes.
    pub(crate) fn push(&mut self, chunk: &[u8], limit: usize) -> (usize, bool) {
        for (index, &byte) in chunk.iter().enumerate() {
            self.bytes.push(byte);
            if self.bytes == BYTE_ORDER_MARK {
                self.bytes.clear();
                self.has_content = false;
                continue;
            }
            match byte {
                b'\n' | b'\r' if !self.has_content => {}
                b'\n' | b'\r' if !self.in_quotes => return (index + 1, true),
                b'"' => {
                    self.has_content = true;
                    self.in_quotes = !self.in_quotes;
                }
                _ => {
                    self.has_content = true;
                    if let (false, Some(which)) = (self.in_quotes, DELIMITERS.iter().position(|&d| d == byte)) {
                        self.counts[which] += 1;
                    }
                }
            }
            if self.bytes.len() > limit {
                return (index + 1, true);
            }
        }
        (chunk.len(), false)
    }

    pub(crate) fn line_ends(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.bytes).count() as u64
    }

    /// The most frequent separator outside quotes names the dialect; a header without any is one column.
    pub(crate) fn finish(&mut self) -> Opening {
        let mut best = 0;
        for which in 1..DELIMITERS.len() {
            if self.counts[which] > self.counts[best] {
                best = which;
            }
        }
        Opening { bytes: std::mem::take(&mut self.bytes), delimiter: DELIMITERS[best] }
    }
}

/// Names the binary format whose signature `start` is, or is the beginning of: a file is refused at its first byte
/// that is no text, and that is often the first one.
pub(crate) fn binary_format(start: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 8] = [
        (b"\x1F\x8B", "a gzip file"),
        (b"PK\x03\x04", "a zip archive or a spreadsheet"),
        (b"\x28\xB5\x2F\xFD", "a zstd file"),
        (b"PAR1", "a Parquet file"),
        (b"%PDF", "a PDF document"),
        (b"\x89PNG", "an image"),
        (b"\x7FELF", "a program"),
        (b"SQLite format 3", "a database"),
    ];
    SIGNATURES
        .iter()
        .find(|(signature, _)| !start.is_empty() && (start.starts_with(signature) || signature.starts_with(start)))
        .map(|(_, name)| *name)
}
