//! `POST /api/v1/runs/{id}/predict`: a completed run's model applied to rows of JSON.

use std::sync::Arc;

use axum::extract::{Path, State};
use belfry_learning::model::{Model, PredictError, Predictions};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::refusal::invalid;
use super::run::parse_id;
use super::store::listing::find_run;
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::PredictionGuard;
use crate::request::Json;
use crate::state::{App, Shared};

/// Most rows of one request.
const MAX_ROWS: usize = 1000;

/// The rows to predict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    rows: Vec<Map<String, Value>>,
}

/// Predicts rows.
pub async fn predict(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Json(Request { rows }): Json<Request>,
) -> Result<Json<Predictions>> {
    let id = parse_id(&id, "run")?;
    let model = match app.model_cache.get(&id) {
        Some(model) => model,
        None => load_model(&app, &id).await?,
    };
    // Not on the threads that serve requests. It is counted where it is computed, whether or not the client still waits.
    let computed = tokio::task::spawn_blocking(move || {
        let prediction = PredictionGuard::start(model.algorithm());
        let result =
            if rows.len() > MAX_ROWS { Err(too_many(rows.len())) } else { model.predict(&rows).map_err(refuse_rows) };
        match &result {
            Ok(_) => prediction.completed(),
            Err(_) => prediction.rejected(),
        }
        result
    });
    let predictions =
        computed.await.map_err(|panic| Error::Internal(anyhow::Error::new(panic).context("a prediction")))?;
    predictions.map(Json)
}

/// Loads a model into the cache.
async fn load_model(app: &App, id: &str) -> Result<Arc<Model>> {
    let run = bounds::with_request_timeout(find_run(&app.database, id)).await?;
    let (key, file) = run.stored_model()?;
    let file_bytes = u64::try_from(file.size_bytes).unwrap_or(u64::MAX);
    let loaded = app.model_cache.get_or_load(id, file_bytes, read_model(app, key, file_bytes)).await;
    if loaded.is_err() {
        // The request was right, the failure is ours.
        PredictionGuard::start(run.spec.algorithm).failed();
    }
    loaded
}

/// Reads a model from the file store.
pub(super) async fn read_model(app: &App, key: &str, file_bytes: u64) -> Result<Model> {
    let mut bytes = Vec::with_capacity(usize::try_from(file_bytes).unwrap_or(0));
    let mut pieces = app.storage.read(key, None).await?;
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    let model = tokio::task::spawn_blocking(move || Model::load(&bytes)).await;
    let model = model.map_err(|panic| Error::Internal(anyhow::Error::new(panic).context("reading a model")))?;
    model.map_err(|error| Error::Internal(error.into()))
}

fn too_many(found: usize) -> Error {
    let expected = format!("at most {MAX_ROWS} rows");
    let detail = format!("found {found} rows, expected {expected}");
    invalid("too_many_rows", detail, [("found", json!(found)), ("expected", json!(expected))])
}

/// 422 with the row and column that do not fit, what was found and what is expected.
fn refuse_rows(error: PredictError) -> Error {
    let code = error.code();
    let detail = error.to_string();
    match error {
        PredictError::NoRows => invalid(code, detail, [("found", json!(0)), ("expected", json!("at least 1 row"))]),
        PredictError::MissingColumns { row, columns } => {
            invalid(code, detail, [("row", json!(row)), ("columns", json!(columns))])
        }
        PredictError::UnexpectedColumns { row, columns, expected } => {
            invalid(code, detail, [("row", json!(row)), ("columns", json!(columns)), ("expected", json!(expected))])
        }
        PredictError::WrongType { row, column, found, expected } => {
            let extras = [
                ("row", json!(row)),
                ("column", json!(column)),
                ("found", json!(found)),
                ("expected", json!(expected)),
            ];
            invalid(code, detail, extras)
        }
    }
}
