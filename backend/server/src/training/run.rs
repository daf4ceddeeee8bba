//! A run as the API shows it. The store reads it from the database.

use belfry_learning::protocol::{ResourceUse, RunSpec, TrainingSummary};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::ai::text::AiText;
use crate::error::{Error, Result};
use crate::labels::RunStatus;

/// A training run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub id: String,
    #[serde(flatten)]
    pub spec: RunSpec,
    pub status: RunStatus,
    pub outcome: Option<String>,
    pub error: Option<RunError>,
    pub attempts: i64,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub progress: Option<Progress>,
    pub scores: Option<Value>,
    pub model: Option<ModelFile>,
    pub report: Option<RunReport>,
    /// What a model wrote about it.
    pub explanation: Option<AiText>,
    #[serde(skip)]
    pub model_key: Option<String>,
}

/// Why a run ended without a model.
#[derive(Clone, Debug, Serialize)]
pub struct RunError {
    pub code: String,
    pub message: String,
}

/// One step of training, or the latest of them.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    pub iteration: i64,
    pub total: i64,
    pub train_loss: f64,
    pub valid_loss: Option<f64>,
}

/// What training reported, besides scores and model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReport {
    #[serde(flatten)]
    pub summary: TrainingSummary,
    #[serde(flatten)]
    pub resources: ResourceUse,
}

/// The model's file.
#[derive(Clone, Debug, Serialize)]
pub struct ModelFile {
    pub size_bytes: i64,
    pub sha256: String,
}

impl Run {
    /// A completed run's model: its key in the file store, and its file.
    ///
    /// # Errors
    /// 409 `no_model` for any other run.
    pub fn stored_model(&self) -> Result<(&str, &ModelFile)> {
        let missing =
            || Error::Conflict { code: "no_model", detail: format!("the run has no model: it is {}", self.status) };
        Ok((self.model_key.as_deref().ok_or_else(missing)?, self.model.as_ref().ok_or_else(missing)?))
    }
}

/// Which runs to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFilter {
    pub status: Option<RunStatus>,
    pub dataset_id: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<i64>,
}

/// An id in its usual form.
///
/// # Errors
/// [`Error::NotFound`] for anything else: it names nothing.
pub fn parse_id(text: &str, what: &'static str) -> Result<String> {
    Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| Error::NotFound(what))
}
