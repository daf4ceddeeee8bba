//! A content that is known as a whole, as a response: compressed as the client takes it, or that the client has it already.

use std::io::Write;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use headers::{ETag, HeaderMapExt};
use sha2::{Digest, Sha256};

use super::embedded::EmbeddedFile;
use crate::conditional;

/// For a content whose name changes with it.
pub(super) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// For a content that may be another one next time: to be asked for with its tag.
pub(super) const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// A content, plain and compressed.
pub(super) struct Document {
    plain: Bytes,
    gzip: Bytes,
    tag: ETag,
    content_type: &'static str,
}

impl Document {
    /// That of a file in the program.
    pub fn from_embedded(file: &EmbeddedFile, content_type: &'static str) -> Self {
        Self {
            plain: Bytes::from_static(file.plain),
            gzip: Bytes::from_static(file.gzip),
            tag: weak_tag(file.plain),
            content_type,
        }
    }

    /// That of a file which was read just now. Compressing takes a while.
    pub fn from_read(plain: Vec<u8>, content_type: &'static str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let compressed = encoder.write_all(&plain).and_then(|()| encoder.finish());
        let gzip = compressed.expect("memory takes all that is written");
        Self { tag: weak_tag(&plain), plain: plain.into(), gzip: gzip.into(), content_type }
    }

    /// The response to a `GET` with these headers.
    pub fn respond(&self, request: &HeaderMap, cache_control: HeaderValue) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, cache_control);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.typed_insert(self.tag.clone());
        if conditional::is_known(request, &self.tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if !accepts(request, "gzip") {
            return (headers, self.plain.clone()).into_response();
        }
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        (headers, self.gzip.clone()).into_response()
    }
}

/// A weak tag, because the compressed forms have the same one (RFC 9110, section 8.8.3.3).
fn weak_tag(plain: &[u8]) -> ETag {
    let digest = hex::encode(Sha256::digest(plain));
    format!("W/\"{}\"", &digest[..32]).parse().expect("hexadecimal digits in quotes are a tag")
}

/// Whether a client takes this coding (RFC 9110, section 12.5.3). A `*` alone is taken for none, which is always right.
pub(super) fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut items = values.flat_map(|value| value.split(',')).map(|item| item.split_once(';').unwrap_or((item, "")));
    let found = items.find(|(name, _)| name.trim().eq_ignore_ascii_case(coding));
    found.is_some_and(|(_, parameter)| {
        let weight = parameter.trim().strip_prefix("q=").or_else(|| parameter.trim().strip_prefix("Q="));
        weight.is_none_or(|weight| weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_coding_is_taken_unless_its_weight_is_nothing() {
        let accepts = |value: &str| accepts(&request(header::ACCEPT_ENCODING, value), "gzip");
        for value in ["gzip", "br, GZIP", "deflate;q=1, gzip;q=0.1", "gzip ; q=1"] {
            assert!(accepts(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip;q=0.000", "gzip;q=much", "x-gzip", "*"] {
            assert!(!accepts(value), "{value}");
        }
        assert!(!super::accepts(&HeaderMap::new(), "gzip"));
    }

    #[test]
    fn a_document_is_compressed_as_the_client_takes_it() {
        let document = Document::from_read(vec![b'a'; 1000], "text/plain");
        let encoding = |value: &str| {
            let answer = document.respond(&request(header::ACCEPT_ENCODING, value), REVALIDATED);
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
            answer.headers().get(header::CONTENT_ENCODING).cloned()
        };
        assert_eq!(encoding("br, gzip").unwrap(), "gzip");
        assert_eq!(encoding("identity"), None);
    }

    #[test]
    fn a_known_document_is_not_sent_again() {
        let document = Document::from_read(b"a".to_vec(), "text/plain");
        let first = document.respond(&HeaderMap::new(), REVALIDATED);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let status = |known: &str| document.respond(&request(header::IF_NONE_MATCH, known), REVALIDATED).status();
        assert_eq!(status(&tag), StatusCode::NOT_MODIFIED);
        assert_eq!(status(tag.trim_start_matches("W/")), StatusCode::NOT_MODIFIED);
        assert_eq!(status("\"another\""), StatusCode::OK);
    }
}
