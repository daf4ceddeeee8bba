//! A dataset's bytes, whole or a range of them.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::name::disposition;
use super::rows;
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::file_response::StoredFile;
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
    let file = StoredFile {
        key: &stored.storage_key,
        sha256: &dataset.sha256,
        size_bytes: dataset.size_bytes.unsigned_abs(),
        content_type: if dataset.format == "csv" { "text/csv; charset=utf-8" } else { "application/gzip" },
        disposition: disposition(&dataset.name, &dataset.format),
    };
    file.respond(&app.storage, &method, &headers).await
}
