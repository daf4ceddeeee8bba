//! A stored file as a response: all of it, a range of it, its head, or that the client has it already.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use headers::{AcceptRanges, ContentRange, HeaderMapExt};

use crate::conditional;
use crate::error::{Error, Result, chain};
use crate::storage::Storage;

/// A file and how to offer it.
pub struct StoredFile<'f> {
    /// Where it is in the file store.
    pub key: &'f str,
    /// Its digest in hexadecimal, which is its entity tag.
    pub sha256: &'f str,
    /// Its size.
    pub size_bytes: u64,
    /// Its media type.
    pub content_type: &'static str,
    /// The value of `Content-Disposition`.
    pub disposition: String,
}

impl StoredFile<'_> {
    /// The response to a `GET` or `HEAD` with these headers.
    ///
    /// # Errors
    /// 412 and 416 by its conditions and its range, 503 if the file cannot be read.
    pub async fn respond(self, storage: &Storage, method: &Method, headers: &HeaderMap) -> Result<Response> {
        let Self { key, sha256, size_bytes, content_type, disposition } = self;
        let tag = conditional::entity_tag(sha256)?;
        conditional::check_if_match(headers, &tag)?;
        let mut common = HeaderMap::new();
        common.typed_insert(AcceptRanges::bytes());
        common.typed_insert(tag.clone());
        if conditional::is_known(headers, &tag) {
            return Ok((StatusCode::NOT_MODIFIED, common).into_response());
        }
        let range = conditional::requested_range(method, headers, &tag, size_bytes)?;
        let length = range.as_ref().map_or(size_bytes, |range| range.end - range.start);
        let body = if method == Method::HEAD {
            Body::empty()
        } else {
            let content = storage.read(key, range.clone()).await?;
            let key = key.to_owned();
            // The response has begun, so it can only be cut off; the client sees that it is too short.
            Body::from_stream(content.inspect_err(move |error| {
                tracing::error!(file = key, cause = chain(error), "download failed");
            }))
        };
        let disposition = HeaderValue::from_str(&disposition).map_err(|error| Error::Internal(error.into()))?;
        let described = [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CONTENT_LENGTH, HeaderValue::from(length)),
            (header::CONTENT_DISPOSITION, disposition),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        Ok(match range {
            None => (common, described, body).into_response(),
            Some(range) => {
                let place = ContentRange::bytes(range, size_bytes).expect("it lies within the content");
                common.typed_insert(place);
                (StatusCode::PARTIAL_CONTENT, common, described, body).into_response()
            }
        })
    }
}
