//! `GET` and `HEAD /api/v1/runs/{id}/model`: the model of a completed run as a file, whole or a range of it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::store::listing::find_run;
use crate::database::bounds;
use crate::error::Result;
use crate::file_response::StoredFile;
use crate::state::Shared;

/// Downloads a model.
pub async fn download(
    State(app): State<Shared>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let run = bounds::with_request_timeout(find_run(&app.database, &id)).await?;
    let (key, model) = run.stored_model()?;
    let file = StoredFile {
        key,
        sha256: &model.sha256,
        size_bytes: model.size_bytes.unsigned_abs(),
        content_type: "application/json",
        // An id is made of letters, digits and hyphens.
        disposition: format!("attachment; filename=\"model-{}.json\"", run.id),
    };
    file.respond(&app.storage, &method, &headers).await
}
