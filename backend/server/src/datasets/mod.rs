//! Datasets: upload, list, read, describe, delete.
//!
//! An upload walks through `upload` (the handler), `options` (what was requested), `form` where it is one, `body` (the bytes
//! as they come), `receive` (stored, hashed and profiled at the same time) and `rows` (the row that makes it a dataset).

mod body;
mod content;
mod describe;
mod form;
mod lifetime;
mod listing;
mod name;
mod options;
mod receive;
pub mod rows;
pub mod totals;
mod upload;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use tracing::Instrument;

use crate::error::{Error, Result};
use crate::events::upload::DatasetDeleted;
use crate::request::Json;
use crate::state::Shared;
pub use content::download;
pub use describe::describe;
pub use listing::list;
use rows::{Dataset, Removal};
pub use upload::upload;

/// `GET /api/v1/datasets/{id}`.
pub async fn read(State(app): State<Shared>, Path(id): Path<String>) -> Result<Json<Dataset>> {
    let stored = rows::find(&app.database, &id).await?.ok_or(Error::NotFound("dataset"))?;
    Ok(Json(stored.dataset))
}

/// `DELETE /api/v1/datasets/{id}`.
pub async fn delete(State(app): State<Shared>, Path(id): Path<String>) -> Result<StatusCode> {
    // A client that goes away half-way must not leave a file whose row is gone.
    let removing = tokio::spawn(remove(app, id).in_current_span());
    let broken = |error| Error::Internal(anyhow::Error::new(error).context("a removal ended early"));
    removing.await.map_err(broken)?
}

async fn remove(app: Shared, id: String) -> Result<StatusCode> {
    match rows::remove(&app, &id).await? {
        Removal::Removed { size_bytes, file } => {
            DatasetDeleted { dataset_id: &id, size_bytes, file: file.as_ref().err() }.emit();
            totals::refresh(&app.database).await;
            Ok(StatusCode::NO_CONTENT)
        }
        Removal::InUse => Err(Error::Conflict {
            code: "in_use",
            detail: "a queued or running run uses this dataset; cancel it or wait for its end".to_owned(),
        }),
        Removal::Missing => Err(Error::NotFound("dataset")),
    }
}
