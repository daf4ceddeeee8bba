//! A dataset's bytes, whole or a range of them.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use headers::{AcceptRanges, ContentRange, HeaderMapExt};

use super::name::disposition;
use super::rows;
use crate::conditional;
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
    let tag = conditional::entity_tag(&dataset.sha256)?;
    let mut common = HeaderMap::new();
    common.typed_insert(AcceptRanges::bytes());
    common.typed_insert(tag.clone());
    if conditional::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let range = conditional::requested_range(&method, &headers, &tag, size_bytes)?;
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
        Some(range) => {
            let place = ContentRange::bytes(range, size_bytes).expect("it lies within the content");
            common.typed_insert(place);
            (StatusCode::PARTIAL_CONTENT, common, described, body).into_response()
        }
    })
}
