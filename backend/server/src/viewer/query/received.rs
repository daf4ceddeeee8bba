//! The reading of a source's answer: of a bounded size, both as it comes and unpacked, and compressed as it came.

use std::io::{self, ErrorKind, Write};

use axum::http::{StatusCode, header};
use flate2::write::MultiGzDecoder;

use super::memory::{AnswerBytes, AnswerMemory};

/// As much of an answer as may be read for a message.
const MESSAGE_BYTES: usize = 4096;

/// A source's answer, read as far as it can be passed on.
pub(super) struct Received {
    /// The source's status.
    pub status: StatusCode,
    /// What the source says it is.
    pub content_type: String,
    /// The body.
    pub content: Content,
}

/// As much of an answer as was read.
pub(super) enum Content {
    /// All of it, as it came, and how it begins.
    Whole { body: AnswerBytes, is_gzip: bool, beginning: Vec<u8> },
    /// The answers that are read and sent leave no room for it.
    NoRoom,
    /// It is larger than allowed.
    TooLarge,
    /// It cannot be unpacked, or is compressed in a way that was not asked for.
    Unreadable,
}

impl Received {
    /// Reads an answer of at most `max_bytes`, both as it comes and unpacked. Compressed it must be wanted so.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn read(
        mut response: reqwest::Response,
        takes_gzip: bool,
        max_bytes: u64,
        memory: &AnswerMemory,
    ) -> reqwest::Result<Self> {
        let text = |name: header::HeaderName| {
            let value = response.headers().get(name).map_or(&b""[..], |value| value.as_bytes());
            String::from_utf8_lossy(value).into_owned()
        };
        let (status, content_type, encoding) =
            (response.status(), text(header::CONTENT_TYPE), text(header::CONTENT_ENCODING));
        let mut received = Self { status, content_type, content: Content::Unreadable };
        let is_gzip = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => false,
            "gzip" if takes_gzip => true,
            _ => return Ok(received),
        };
        let mut unpacking = Unpacking::begin(is_gzip, max_bytes);
        let mut body = AnswerBytes::default();
        while let Some(piece) = response.chunk().await? {
            if let Err(error) = unpacking.add(&piece) {
                received.content = Content::from_fault(&error);
                return Ok(received);
            }
            // What is packed may unpack to nothing.
            if body.len() as u64 + piece.len() as u64 > max_bytes {
                received.content = Content::TooLarge;
                return Ok(received);
            }
            if body.add(&piece, memory).is_none() {
                received.content = Content::NoRoom;
                return Ok(received);
            }
        }
        received.content = match unpacking.finish() {
            Ok(beginning) => Content::Whole { body, is_gzip, beginning },
            Err(error) => Content::from_fault(&error),
        };
        Ok(received)
    }
}

impl Content {
    fn from_fault(error: &io::Error) -> Self {
        if error.kind() == ErrorKind::FileTooLarge { Self::TooLarge } else { Self::Unreadable }
    }
}

/// Unpacks an answer as it comes, to know its size.
enum Unpacking {
    Plain(Unpacked),
    Gzip(Box<MultiGzDecoder<Unpacked>>),
}

impl Unpacking {
    fn begin(is_gzip: bool, max_bytes: u64) -> Self {
        let unpacked = Unpacked { bytes: 0, max_bytes, beginning: Vec::new() };
        if is_gzip { Self::Gzip(Box::new(MultiGzDecoder::new(unpacked))) } else { Self::Plain(unpacked) }
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(unpacked) => unpacked.write_all(piece),
            Self::Gzip(decoder) => decoder.write_all(piece),
        }
    }

    /// How it begins.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(unpacked) => Ok(unpacked.beginning),
            Self::Gzip(decoder) => decoder.finish().map(|unpacked| unpacked.beginning),
        }
    }
}

/// Counts what is unpacked and keeps its beginning.
struct Unpacked {
    bytes: u64,
    max_bytes: u64,
    beginning: Vec<u8>,
}

impl Write for Unpacked {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.max_bytes {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let room = MESSAGE_BYTES - self.beginning.len();
        self.beginning.extend_from_slice(&piece[..piece.len().min(room)]);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::memory::PIECE_BYTES;
    use super::*;

    #[tokio::test]
    async fn an_answer_without_room_is_not_kept() {
        let memory = AnswerMemory::new(1, 2 * PIECE_BYTES as u64);
        let read = async |bytes: usize| {
            let response = reqwest::Response::from(axum::http::Response::new(vec![b' '; bytes]));
            Received::read(response, false, u64::MAX, &memory).await.unwrap().content
        };
        let kept = read(PIECE_BYTES + 1).await;
        assert!(matches!(&kept, Content::Whole { body, .. } if body.len() == PIECE_BYTES + 1));
        assert!(matches!(read(1).await, Content::NoRoom));
        drop(kept);
        assert!(matches!(read(2 * PIECE_BYTES).await, Content::Whole { .. }));
        assert!(matches!(read(2 * PIECE_BYTES + 1).await, Content::NoRoom));
    }

    /// Whether an answer that comes in these pieces is within 1000 bytes.
    fn unpacked(is_gzip: bool, pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut unpacking = Unpacking::begin(is_gzip, 1000);
        pieces.iter().try_for_each(|piece| unpacking.add(piece))?;
        unpacking.finish()
    }

    #[test]
    fn the_limit_is_on_what_is_unpacked() {
        let gzip = |size: usize| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&vec![b'a'; size]).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(unpacked(false, &[&[b'a'; 600], &[b'a'; 400]]).unwrap().len(), 1000);
        assert_eq!(unpacked(false, &[&[b'a'; 600], &[b'a'; 401]]).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let fits = gzip(1000);
        let bytes: Vec<&[u8]> = fits.chunks(1).collect();
        assert_eq!(unpacked(true, &bytes).unwrap().len(), 1000);
        assert_eq!(unpacked(true, &[&gzip(1001)]).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let bomb = gzip(100 << 20);
        assert!(bomb.len() < 200_000);
        assert_eq!(unpacked(true, &[&bomb]).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert!(unpacked(true, &[&fits[..fits.len() - 1]]).is_err(), "its end is missing");
        assert!(unpacked(true, &[b"no gzip"]).is_err());
    }
}
