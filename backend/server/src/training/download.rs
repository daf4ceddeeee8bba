//! `GET /api/v1/runs/{id}/model`: the model of a completed run as a file.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::store::listing::find_run;
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::state::Shared;

/// Downloads a model.
pub async fn download(State(app): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response> {
    let run = bounds::with_request_timeout(find_run(&app.database, &id)).await?;
    let (key, file) = run.stored_model()?;
    let tag = format!("\"{}\"", file.sha256);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let tag = HeaderValue::from_str(&tag).map_err(|error| Error::Internal(error.into()))?;
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let content = app.storage.read(key, None).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_LENGTH, HeaderValue::from(file.size_bytes)),
        (header::ETAG, tag),
        (
            header::CONTENT_DISPOSITION,
            // An id is made of letters, digits and hyphens.
            HeaderValue::from_str(&format!("attachment; filename=\"model-{}.json\"", run.id))
                .map_err(|error| Error::Internal(error.into()))?,
        ),
    ];
    Ok((headers, Body::from_stream(content)).into_response())
}
