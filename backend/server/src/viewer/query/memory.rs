//! The memory for answers: kept in pieces, each of which has its room in a budget from when it is read until it is sent.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most of one piece. An answer that is no larger gives its room back when it is handed to its connection.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// The room for the answers of all queries, those that are read and those that are sent: one permit is one piece.
pub(super) struct AnswerMemory(Arc<Semaphore>);

impl AnswerMemory {
    /// Room for `most` answers of `max_bytes` each.
    pub fn new(most: usize, max_bytes: u64) -> Self {
        let pieces = usize::try_from(max_bytes.div_ceil(PIECE_BYTES as u64)).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(pieces.saturating_mul(most).min(Semaphore::MAX_PERMITS))))
    }
}

/// A part of an answer, and its room until it is dropped.
struct Piece {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes of an answer.
#[derive(Default)]
pub(super) struct AnswerBytes {
    pieces: VecDeque<Piece>,
    length: usize,
}

impl AnswerBytes {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Adds some. Nothing if there is no room for them.
    pub fn add(&mut self, mut bytes: &[u8], memory: &AnswerMemory) -> Option<()> {
        while !bytes.is_empty() {
            if self.pieces.back().is_none_or(|last| last.bytes.len() == PIECE_BYTES) {
                let room = memory.0.clone().try_acquire_owned().ok()?;
                // All at once, so that no piece is ever copied into a larger one, or grows beyond its room.
                self.pieces.push_back(Piece { bytes: Vec::with_capacity(PIECE_BYTES), _room: room });
            }
            let last = self.pieces.back_mut()?;
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - last.bytes.len()));
            last.bytes.extend_from_slice(now);
            self.length += now.len();
            bytes = later;
        }
        Some(())
    }

    /// The body of a response. A client that takes longer than `patience` for it is cut off, so that its room is free again.
    pub fn into_body(mut self, patience: Duration) -> Body {
        if self.pieces.len() <= 1 {
            return self.pieces.pop_front().map_or_else(Body::empty, |only| Body::from(only.bytes.as_slice().to_vec()));
        }
        let started = Instant::now();
        Body::from_stream(stream::unfold(self.pieces, move |mut pieces| async move {
            let piece = pieces.pop_front()?;
            if started.elapsed() > patience {
                return Some((Err(io::Error::from(ErrorKind::TimedOut)), VecDeque::new()));
            }
            // The connection drops it, and with it its room, when it is sent.
            Some((Ok::<_, io::Error>(Bytes::from_owner(piece)), pieces))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl AnswerMemory {
        fn pieces_free(&self) -> usize {
            self.0.available_permits()
        }
    }

    #[tokio::test]
    async fn an_answer_takes_no_more_than_its_room_until_it_is_sent() {
        let memory = AnswerMemory::new(2, 3 * PIECE_BYTES as u64 - 1);
        assert_eq!(memory.pieces_free(), 6);
        let mut answer = AnswerBytes::default();
        let content: Vec<u8> = (0..3 * PIECE_BYTES - 1).map(|index| u8::try_from(index % 251).unwrap()).collect();
        for piece in content.chunks(50_000) {
            answer.add(piece, &memory).unwrap();
        }
        assert_eq!((answer.len(), memory.pieces_free()), (content.len(), 3));
        let taken: usize = answer.pieces.iter().map(|piece| piece.bytes.capacity()).sum();
        assert_eq!(taken, 3 * PIECE_BYTES);
        let body = answer.into_body(Duration::from_secs(3600));
        assert_eq!(memory.pieces_free(), 3);
        let sent = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert!(sent == content, "what is sent is not what was read");
        assert_eq!(memory.pieces_free(), 6);
    }

    #[test]
    fn answers_beyond_the_room_for_all_are_not_kept() {
        let memory = AnswerMemory::new(1, 2 * PIECE_BYTES as u64);
        let mut unsent = AnswerBytes::default();
        unsent.add(&[0; PIECE_BYTES + 1], &memory).unwrap();
        let mut next = AnswerBytes::default();
        assert!(next.add(b"a", &memory).is_none());
        drop(unsent.into_body(Duration::ZERO));
        assert!(next.add(b"a", &memory).is_some());
        // A small one gives its room back as soon as its connection has it.
        let body = next.into_body(Duration::ZERO);
        assert_eq!(memory.pieces_free(), 2);
        drop(body);
    }

    #[tokio::test]
    async fn a_client_that_does_not_take_its_answer_is_cut_off() {
        let memory = AnswerMemory::new(1, 2 * PIECE_BYTES as u64);
        let mut answer = AnswerBytes::default();
        answer.add(&[0; PIECE_BYTES + 1], &memory).unwrap();
        let body = answer.into_body(Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
        assert_eq!(memory.pieces_free(), 2);
    }
}
