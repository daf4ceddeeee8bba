//! The id of a request: its caller's, from `X-Request-Id`, or one that is made. Kept as a value, and text only where it is
//! shown.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that an id comes in and goes out with.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids would be a way to fill the logs.
const MAX_ID_LENGTH: usize = 64;

/// A request's id.
pub(super) enum RequestId {
    Made(Uuid),
    /// Of visible ASCII characters only.
    FromClient(HeaderValue),
}

impl RequestId {
    /// The client's id when it is usable, else a new one.
    pub(super) fn choose(headers: &HeaderMap) -> Self {
        let usable = |id: &&HeaderValue| {
            (1..=MAX_ID_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        headers.get(REQUEST_ID).filter(usable).map_or_else(|| Self::Made(new_id()), |id| Self::FromClient(id.clone()))
    }

    /// The value of the response's header.
    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Made(id) => HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer())).ok(),
            Self::FromClient(id) => Some(id.clone()),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(id) => fmt::Display::fmt(id, formatter),
            Self::FromClient(id) => formatter.write_str(id.to_str().unwrap_or_default()),
        }
    }
}

/// An id of version 7 (RFC 9562, section 5.7) that grows from one millisecond to the next. `Uuid::now_v7` also grows within
/// one, for which all threads share a lock, and asks the kernel for random bytes each time.
fn new_id() -> Uuid {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Not more numbers than are needed, as with an array of bytes, of which each takes one.
    let [random @ .., _, _, _, _, _, _] = rand::random::<u128>().to_ne_bytes();
    // Milliseconds since 1970 fill 48 bits in the year 10889.
    uuid::Builder::from_unix_timestamp_millis(since_epoch.as_millis() as u64, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn made_ids_are_distinct_and_grow_with_time() {
        let made: HashSet<Uuid> = (0..10_000).map(|_| new_id()).collect();
        assert_eq!(made.len(), 10_000);
        assert!(made.iter().all(|id| id.get_version_num() == 7));
        let newest = made.into_iter().max();
        std::thread::sleep(Duration::from_millis(2));
        assert!(Some(new_id()) > newest);
    }

    #[test]
    fn an_id_is_the_same_text_in_header_and_line() {
        for id in [RequestId::Made(new_id()), RequestId::FromClient(HeaderValue::from_static("a-1"))] {
            assert_eq!(id.header_value().unwrap(), id.to_string().as_str());
        }
    }
}
