//! A dataset's bytes, whole or a range of them (RFC 9110, sections 13 and 14).

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;

use super::name::disposition;
use super::rows;
use crate::database::bounds;
use crate::error::{Error, Result, chain};
use crate::state::Shared;

/// `GET` and `HEAD /api/v1/datasets/{id}/content`.
pub async fn download(
    State(app): State<Shared>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let stored =
        bounds::with_request_timeout(rows::find(&app.database, &id)).await?.ok_or(Error::NotFound("dataset"))?;
    let dataset = stored.dataset;
    let size_bytes = dataset.size_bytes.unsigned_abs();
    let etag = format!("\"{}\"", dataset.sha256);
    let common = [(header::ETAG, etag.clone()), (header::ACCEPT_RANGES, "bytes".to_owned())];
    if text(&headers, header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &etag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    // A range of an older content would not fit what the client has.
    let current = text(&headers, header::IF_RANGE).is_none_or(|tag| tag == etag);
    let requested = text(&headers, header::RANGE).filter(|_| current);
    let range = match requested.map_or(RangeRequest::Whole, |header| read_range(header, size_bytes)) {
        RangeRequest::Whole => None,
        RangeRequest::Part(range) => Some(range),
        RangeRequest::Outside => return Err(Error::Range { size_bytes }),
    };
    let length = range.as_ref().map_or(size_bytes, |range| range.end - range.start);
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let content = app.storage.read(&stored.storage_key, range.clone()).await?;
        // The response has begun, so it can only be cut off; the client sees that it is too short.
        Body::from_stream(content.inspect_err(move |error| {
            tracing::error!(dataset_id = id, cause = chain(error), "download failed");
        }))
    };
    let kind = if dataset.format == "csv" { "text/csv; charset=utf-8" } else { "application/gzip" };
    let described = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, disposition(&dataset.name, &dataset.format)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok(match range {
        None => (common, described, body).into_response(),
        Some(Range { start, end }) => {
            let place = [(header::CONTENT_RANGE, format!("bytes {start}-{}/{size_bytes}", end - 1))];
            (StatusCode::PARTIAL_CONTENT, common, described, place, body).into_response()
        }
    })
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether a list of tags holds this one, or is `*`.
fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[derive(Debug, PartialEq)]
enum RangeRequest {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// One range. Several ranges, other units and malformed headers return the whole, as the standard allows.
fn read_range(header: &str, size_bytes: u64) -> RangeRequest {
    let parts = header.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'));
    let Some((first, last)) = parts else { return RangeRequest::Whole };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => RangeRequest::Outside,
        ("", _, _, Some(suffix)) => RangeRequest::Part(size_bytes.saturating_sub(suffix)..size_bytes),
        (_, Some(first), "", _) if first < size_bytes => RangeRequest::Part(first..size_bytes),
        (_, Some(first), _, Some(last)) if first <= last && first < size_bytes => {
            RangeRequest::Part(first..size_bytes.min(last.saturating_add(1)))
        }
        (_, Some(_), "", _) => RangeRequest::Outside,
        (_, Some(first), _, Some(last)) if first <= last => RangeRequest::Outside,
        _ => RangeRequest::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::{RangeRequest, matches, read_range};

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-0", RangeRequest::Part(0..1)),
            ("bytes=2-5", RangeRequest::Part(2..6)),
            ("bytes=2-", RangeRequest::Part(2..10)),
            ("bytes=-3", RangeRequest::Part(7..10)),
            ("bytes=-30", RangeRequest::Part(0..10)),
            ("bytes=5-100", RangeRequest::Part(5..10)),
            ("bytes=9-18446744073709551615", RangeRequest::Part(9..10)),
            ("bytes=10-", RangeRequest::Outside),
            ("bytes=10-12", RangeRequest::Outside),
            ("bytes=-0", RangeRequest::Outside),
            ("bytes=5-2", RangeRequest::Whole),
            ("bytes=0-1,3-4", RangeRequest::Whole),
            ("bytes=-", RangeRequest::Whole),
            ("bytes=a-b", RangeRequest::Whole),
            ("bytes=+1-2", RangeRequest::Whole),
            ("lines=1-2", RangeRequest::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(read_range(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        assert!(matches(r#""b", W/"a""#, r#""a""#));
        assert!(matches("*", r#""a""#));
        assert!(!matches(r#""ab""#, r#""a""#));
    }
}
