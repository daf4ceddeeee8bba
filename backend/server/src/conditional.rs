//! Requests for a part of a content, or for it only if it has changed (RFC 9110, sections 13 and 14).

use std::ops::Range;

use anyhow::Context;
use axum::http::{HeaderMap, Method, header};
use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch, IfRange};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};

use crate::error::{Error, Result};

/// The strong tag of a content with this digest.
pub fn entity_tag(sha256: &str) -> Result<ETag> {
    format!("\"{sha256}\"").parse().context("a digest is no entity tag").map_err(Error::Internal)
}

/// Refuses a request for another content than the one with this tag.
///
/// # Errors
/// 412 when `If-Match` names only other contents, or none that can be read.
pub fn check_if_match(headers: &HeaderMap, tag: &ETag) -> Result<()> {
    match headers.typed_try_get::<IfMatch>() {
        Ok(wanted) if wanted.as_ref().is_none_or(|wanted| wanted.precondition_passes(tag)) => Ok(()),
        _ => Err(Error::PreconditionFailed),
    }
}

/// Whether the client has the content with this tag already.
pub fn is_known(headers: &HeaderMap, tag: &ETag) -> bool {
    headers.typed_get::<IfNoneMatch>().is_some_and(|known| !known.precondition_passes(tag))
}

/// The bytes that a client wants of a content of `size_bytes`; nothing for the whole. Only a `GET` has a range. Several ranges,
/// other units and malformed headers ask for the whole, as the standard allows.
///
/// # Errors
/// 416 for a range that lies outside the content.
pub fn requested_range(
    method: &Method,
    headers: &HeaderMap,
    tag: &ETag,
    size_bytes: u64,
) -> Result<Option<Range<u64>>> {
    // A range of an older content would not fit what the client has.
    let is_current = match headers.typed_try_get::<IfRange>() {
        Ok(condition) => condition.is_none_or(|condition| !condition.is_modified(Some(tag), None)),
        Err(_) => false,
    };
    let requested = headers.get(header::RANGE).filter(|_| is_current && method == Method::GET);
    match requested.and_then(|range| range.to_str().ok()) {
        Some(range) => read_range(range, size_bytes),
        None => Ok(None),
    }
}

fn read_range(range: &str, size_bytes: u64) -> Result<Option<Range<u64>>> {
    match parse_range_header(range).and_then(|ranges| ranges.validate(size_bytes)) {
        Ok(ranges) => match ranges.as_slice() {
            [range] => Ok(Some(*range.start()..*range.end() + 1)),
            _ => Ok(None),
        },
        Err(RangeUnsatisfiableError::Unsatisfiable) => Err(Error::Range { size_bytes }),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-0", Ok(Some(0..1))),
            ("bytes=2-5", Ok(Some(2..6))),
            ("bytes=2-", Ok(Some(2..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-30", Ok(Some(0..10))),
            ("bytes=5-100", Ok(Some(5..10))),
            ("bytes=9-18446744073709551615", Ok(Some(9..10))),
            ("bytes=10-", Err(10)),
            ("bytes=10-12", Err(10)),
            ("bytes=-0", Err(10)),
            ("bytes=5-2", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=-", Ok(None)),
            ("bytes=a-b", Ok(None)),
            ("bytes=+1-2", Ok(None)),
            ("lines=1-2", Ok(None)),
        ];
        for (range, expected) in cases {
            let outside = |error| match error {
                Error::Range { size_bytes } => size_bytes,
                other => panic!("{range}: {other}"),
            };
            assert_eq!(read_range(range, 10).map_err(outside), expected, "{range}");
        }
    }

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        let tag = entity_tag("a").unwrap();
        let is_known = |value| is_known(&headers(header::IF_NONE_MATCH, value), &tag);
        assert!(is_known(r#""b", W/"a""#));
        assert!(is_known("*"));
        assert!(!is_known(r#""ab""#));
    }

    #[test]
    fn another_content_than_the_wanted_one_is_refused() {
        let tag = entity_tag("a").unwrap();
        let is_wanted = |value| check_if_match(&headers(header::IF_MATCH, value), &tag).is_ok();
        assert!(is_wanted(r#""b", "a""#));
        assert!(is_wanted("*"));
        assert!(check_if_match(&HeaderMap::new(), &tag).is_ok());
        // Others, a weak tag, which never matches here, and what is none.
        for value in [r#""b""#, r#"W/"a""#, "a"] {
            assert!(!is_wanted(value), "{value}");
        }
    }

    #[test]
    fn only_a_get_of_the_current_content_has_a_range() {
        let tag = entity_tag("a").unwrap();
        let range = |method: &Method, condition: &'static str| {
            let mut headers = headers(header::RANGE, "bytes=0-1");
            if !condition.is_empty() {
                headers.insert(header::IF_RANGE, condition.parse().unwrap());
            }
            requested_range(method, &headers, &tag, 10).unwrap()
        };
        assert_eq!(range(&Method::GET, ""), Some(0..2));
        assert_eq!(range(&Method::GET, r#""a""#), Some(0..2));
        // Another content, a weak tag, a date, and what is none of these.
        for condition in [r#""b""#, r#"W/"a""#, "Sat, 29 Oct 1994 19:43:31 GMT", "a"] {
            assert_eq!(range(&Method::GET, condition), None, "{condition}");
        }
        assert_eq!(range(&Method::HEAD, ""), None);
    }
}
