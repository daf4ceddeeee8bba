//! `POST /api/v1/runs/{id}/predict`: a completed run's model applied to rows of JSON.

use std::sync::Arc;

use axum::extract::{Path, State};
use belfry_learning::model::{Model, PredictError, Predictions};
use futures::TryStreamExt;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::model;
use super::run;
use super::submit::invalid;
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::Prediction;
use crate::request::Json;
use crate::state::{App, Shared};

const MOST_ROWS: usize = 1000;

/// Models kept in memory, by the size of their files, which is near the size they take here.
const CACHE_BYTES: u64 = 128 << 20;

/// Only sizes the cache's table.
const EXPECTED_MODELS: usize = 64;

/// Models read at the same time. Each may be as large as a run's memory.
const READERS: usize = 2;

/// The models in use.
pub struct Models {
    loaded: Cache<String, Loaded, BySize>,
    readers: Semaphore,
}

#[derive(Clone)]
struct Loaded {
    model: Arc<Model>,
    file_bytes: u64,
}

#[derive(Clone)]
struct BySize;

impl Weighter<String, Loaded> for BySize {
    fn weight(&self, _: &String, loaded: &Loaded) -> u64 {
        loaded.file_bytes.max(1)
    }
}

impl Default for Models {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(EXPECTED_MODELS)
            .weight_capacity(CACHE_BYTES)
            // With more than one, none may be larger than a shard.
            .shards(1)
            .build()
            .expect("both capacities are set");
        let loaded = Cache::with_options(options, BySize, Default::default(), Default::default());
        Self { loaded, readers: Semaphore::new(READERS) }
    }
}

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
    let id = run::parse_id(&id, "run")?;
    let model = match app.models.loaded.get(&id) {
        Some(loaded) => loaded.model,
        None => load(&app, &id).await?,
    };
    // Off the threads that serve others. What is computed here is counted here, whether or not the client still waits.
    let computed = tokio::task::spawn_blocking(move || {
        let prediction = Prediction::start(model.algorithm().as_str().to_owned());
        let result =
            if rows.len() > MOST_ROWS { Err(too_many(rows.len())) } else { model.predict(&rows).map_err(misfit) };
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

/// Reads a model and keeps it. Requests that want the same model at the same time wait for one reader.
async fn load(app: &App, id: &str) -> Result<Arc<Model>> {
    let run = bounds::for_answer(run::find(&app.database, id)).await?;
    let (key, file) = model::of(&run)?;
    let file_bytes = u64::try_from(file.size_bytes).unwrap_or(u64::MAX);
    let loaded = app.models.loaded.get_or_insert_async(id, async {
        let _reader = app.models.readers.acquire().await.map_err(|closed| Error::Internal(closed.into()))?;
        let mut bytes = Vec::with_capacity(usize::try_from(file_bytes).unwrap_or(0));
        let mut pieces = app.storage.read(key, None).await?;
        while let Some(piece) = pieces.try_next().await? {
            bytes.extend_from_slice(&piece);
        }
        let model = tokio::task::spawn_blocking(move || Model::load(&bytes)).await;
        let model = model.map_err(|panic| Error::Internal(anyhow::Error::new(panic).context("reading a model")))?;
        let model = Arc::new(model.map_err(|error| Error::Internal(error.into()))?);
        Ok::<_, Error>(Loaded { model, file_bytes })
    });
    match loaded.await {
        Ok(loaded) => Ok(loaded.model),
        Err(error) => {
            // Drops as failed: the client asked rightly.
            drop(Prediction::start(run.algorithm.clone()));
            Err(error)
        }
    }
}

fn too_many(found: usize) -> Error {
    let expected = format!("at most {MOST_ROWS} rows");
    let detail = format!("found {found} rows, expected {expected}");
    invalid("too_many_rows", detail, [("found", json!(found)), ("expected", json!(expected))])
}

/// 422 that says which row and column do not fit, what was found and what is expected.
fn misfit(error: PredictError) -> Error {
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
