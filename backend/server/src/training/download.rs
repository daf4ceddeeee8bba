//! `GET /api/v1/runs/{id}/model`: the model of a completed run as a file.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::HeaderMapExt;

use super::store::listing::find_run;
use crate::conditional;
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::state::Shared;

/// Downloads a model.
pub async fn download(State(app): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response> {
    let run = bounds::with_request_timeout(find_run(&app.database, &id)).await?;
    let (key, file) = run.stored_model()?;
    let tag = conditional::entity_tag(&file.sha256)?;
    let mut common = HeaderMap::new();
    common.typed_insert(tag.clone());
    if conditional::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let content = app.storage.read(key, None).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_LENGTH, HeaderValue::from(file.size_bytes)),
        (
            header::CONTENT_DISPOSITION,
            // An id is made of letters, digits and hyphens.
            HeaderValue::from_str(&format!("attachment; filename=\"model-{}.json\"", run.id))
                .map_err(|error| Error::Internal(error.into()))?,
        ),
    ];
    Ok((common, headers, Body::from_stream(content)).into_response())
}
