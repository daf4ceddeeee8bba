//! `POST /api/v1/datasets`: a CSV file, plain or compressed, as the body or in a form.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use super::body::Incoming;
use super::options::{DatasetPlan, UploadOptions, is_gzip};
use super::receive::{Received, receive};
use super::rows::{self, Dataset, Row, Stored};
use super::{form, totals};
use crate::database::{bounds, micros, now_micros};
use crate::error::{Error, Result, chain};
use crate::events::upload::Upload;
use crate::labels::RequestRefusal;
use crate::request::{self, Json, Query};
use crate::state::{App, Shared};

/// Streams an upload in. It responds when the bytes are durable and the row is committed.
pub async fn upload(State(app): State<Shared>, request: Request) -> Result<Response> {
    let event = Upload::begin();
    let id = Uuid::now_v7().to_string();
    let (received, plan) = match receive_body(&app, &id, request).await {
        Ok(all) => all,
        Err(error) => {
            event.ended_by(&error);
            return Err(error);
        }
    };
    // A client that goes away now must not leave a file without a row or a row without a file.
    let storing = tokio::spawn(store(app, id, received, plan, event).in_current_span());
    let broken = |error| Error::Internal(anyhow::Error::new(error).context("an upload could not be stored"));
    let dataset = storing.await.map_err(broken)??;
    let location = format!("/api/v1/datasets/{}", dataset.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(dataset)).into_response())
}

async fn receive_body(app: &App, id: &str, request: Request) -> Result<(Received, DatasetPlan)> {
    let (head, body) = request.into_parts();
    // Whatever is refused from here on is refused with its body read, so that the client sees the response.
    let body = Incoming::new(body, &head.headers, app.shutdown.stopping.clone());
    let Some(slot) = app.upload_slots.acquire(body.progress()) else {
        let detail = "as many uploads as are allowed are in flight".to_owned();
        return Err(Error::LimitReached { reason: RequestRefusal::MaxUploads, detail });
    };
    let rate = app.config.server.limits.min_body_rate;
    let given_away = || Error::TooSlow(format!("{rate} bytes per second while others wait"));
    slot.run(receive_in_slot(app, id, head, body)).await.unwrap_or_else(|| Err(given_away()))
}

async fn receive_in_slot(app: &App, id: &str, mut head: Parts, body: Incoming) -> Result<(Received, DatasetPlan)> {
    let Query(requested) = Query::<UploadOptions>::from_request_parts(&mut head, &()).await?;
    let kind = Kind::read(&head.headers)?;
    let limit_bytes = app.config.upload.max_bytes;
    let around_bytes = if matches!(kind, Kind::Form { .. }) { form::OVERHEAD_BYTES } else { 0 };
    if declared_length(&head.headers).is_some_and(|length| length > limit_bytes.saturating_add(around_bytes)) {
        return Err(Error::TooLarge { limit_bytes });
    }
    match kind {
        Kind::Form { boundary } => form::read(app, id, boundary, requested, body).await,
        Kind::File { gzip } => {
            let plan = DatasetPlan::new(&app.config.retention, &requested, None)?;
            Ok((receive(app, id, gzip, body).await?, plan))
        }
    }
}

async fn store(app: Shared, id: String, received: Received, plan: DatasetPlan, event: Upload) -> Result<Dataset> {
    let (size_bytes, rows, columns) = (received.size_bytes, received.profile.rows, received.profile.columns.len());
    match commit(app.clone(), id, received, plan).await {
        Ok(dataset) => {
            event.stored(&dataset.id, size_bytes, rows, columns);
            totals::refresh(&app.database).await;
            Ok(dataset)
        }
        Err(error) => {
            event.ended_by(&error);
            Err(error)
        }
    }
}

/// Bytes first, then the row: a kill in between leaves a file that belongs to nobody, never a dataset without one.
async fn commit(app: Shared, id: String, received: Received, plan: DatasetPlan) -> Result<Dataset> {
    let Received { storage_key, writer, format, size_bytes, sha256, profile } = received;
    writer.finish().await?;
    let unreadable = |error| Error::Internal(anyhow::Error::new(error).context("columns cannot be written as JSON"));
    let created_at = now_micros();
    let row = Row {
        id,
        name: plan.name,
        format: format.to_owned(),
        size_bytes: size_bytes.cast_signed(),
        sha256,
        row_count: profile.rows.cast_signed(),
        columns: serde_json::to_string(&profile.columns).map_err(unreadable)?,
        storage_key,
        created_at,
        expires_at: plan.lifetime.map(|life| created_at.saturating_add(micros(life))),
        description: None,
    };
    if let Err(error) = bounds::with_request_timeout(rows::insert(&app.database, &row)).await {
        if error.is_definitely_not_applied() {
            // The client need not wait for the file store as well.
            tokio::spawn(async move { remove_file(&app, &row).await }.in_current_span());
        }
        return Err(error);
    }
    Ok(Stored::try_from(row)?.dataset)
}

/// Removes the file of a row that was refused. Where only the response of the database is missing, the row may be there or may still come,
/// so the file is left to it, or to the orphan sweep.
async fn remove_file(app: &App, row: &Row) {
    if let Err(error) = app.storage.delete(&row.storage_key).await {
        tracing::warn!(dataset_id = row.id, cause = chain(&error), "file of a failed upload not removed");
    }
}

/// What the body is, by its headers.
enum Kind {
    Form { boundary: String },
    File { gzip: bool },
}

impl Kind {
    fn read(headers: &HeaderMap) -> Result<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let content_type = text(header::CONTENT_TYPE).unwrap_or("application/octet-stream");
        let encoded = match text(header::CONTENT_ENCODING) {
            None | Some("identity") => false,
            Some("gzip" | "x-gzip") => true,
            Some(other) => {
                let found = request::shown(other);
                return Err(unsupported(&format!("Content-Encoding: found {found}, expected gzip or none")));
            }
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "multipart/form-data" if encoded => Err(unsupported("Content-Encoding: expected none around a form")),
            "multipart/form-data" => {
                let boundary = multer::parse_boundary(content_type).map_err(|_| Error::BadRequest {
                    code: "invalid_form",
                    detail: "Content-Type: expected a boundary".to_owned(),
                })?;
                Ok(Self::Form { boundary })
            }
            "text/csv" | "application/csv" | "application/octet-stream" => Ok(Self::File { gzip: encoded }),
            essence if is_gzip(essence) => Ok(Self::File { gzip: true }),
            other => Err(unsupported(&format!(
                "Content-Type: found {}, expected text/csv, application/gzip, application/octet-stream or multipart/form-data",
                request::shown(other)
            ))),
        }
    }
}

fn unsupported(detail: &str) -> Error {
    Error::UnsupportedMediaType(detail.to_owned())
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
