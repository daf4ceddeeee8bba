//! A run as the API shows it, read from its row and its latest progress.

use belfry_learning::protocol::Summary;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::database::{Database, rfc3339};
use crate::error::{Error, Result};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Its model is there.
    Completed,
    /// It ended without a model; the outcome says how.
    Failed,
    /// It ended because that was asked for.
    Cancelled,
}

impl Status {
    /// The name in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will change any more.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A training run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub id: String,
    pub dataset_id: String,
    pub target: String,
    pub algorithm: String,
    pub task: Option<String>,
    pub params: Value,
    pub seed: i64,
    pub test_fraction: f64,
    pub status: Status,
    pub outcome: Option<String>,
    pub error: Option<RunError>,
    pub attempts: i64,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub progress: Option<Progress>,
    pub scores: Option<Value>,
    pub model: Option<ModelFile>,
    pub report: Option<Notes>,
    #[serde(skip)]
    pub model_key: Option<String>,
}

/// Why a run ended without a model.
#[derive(Clone, Debug, Serialize)]
pub struct RunError {
    pub code: String,
    pub message: String,
}

/// The latest step, or one of them.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    pub iteration: i64,
    pub total: i64,
    pub train_loss: f64,
    pub valid_loss: Option<f64>,
}

impl Progress {
    /// Reads a step from a row of `run_progress`.
    pub fn from_row(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            iteration: row.try_get("iteration")?,
            total: row.try_get("total")?,
            train_loss: row.try_get("train_loss")?,
            valid_loss: row.try_get("valid_loss")?,
        })
    }
}

/// What training noted, besides scores and model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
    #[serde(flatten)]
    pub summary: Summary,
    pub cpu_seconds: f64,
    pub peak_resident_bytes: u64,
}

/// The model's file.
#[derive(Clone, Debug, Serialize)]
pub struct ModelFile {
    pub size_bytes: i64,
    pub sha256: String,
}

const SELECT: &str = "SELECT r.id, r.dataset_id, r.target, r.algorithm, r.task, r.params, r.seed, r.test_fraction, \
    r.status, r.outcome, r.error_code, r.error_message, r.attempts, r.created_at, r.started_at, r.finished_at, r.scores, \
    r.report, r.model_key, r.model_size_bytes, r.model_sha256, p.iteration, p.total, p.train_loss, p.valid_loss \
    FROM runs r LEFT JOIN run_progress p ON p.run_id = r.id \
    AND p.iteration = (SELECT MAX(q.iteration) FROM run_progress q WHERE q.run_id = r.id)";

/// The run with this id.
///
/// # Errors
/// [`Error::NotFound`], also for a text that is no id.
pub async fn find(database: &Database, id: &str) -> Result<Run> {
    let id = parse_id(id, "run")?;
    let query = sqlx::query(AssertSqlSafe(format!("{SELECT} WHERE r.id = $1"))).bind(id);
    let row = query.fetch_optional(&database.pool).await?.ok_or(Error::NotFound("run"))?;
    from_row(&row)
}

/// Which runs to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    pub status: Option<Status>,
    pub dataset_id: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<i64>,
}

/// Up to `limit` runs, the newest first, older than the run `cursor`.
pub async fn list(database: &Database, filter: &Filter, limit: i64) -> Result<Vec<Run>> {
    // A parameter is compared with itself where it is not given, so that one statement serves all.
    let sql = format!(
        "{SELECT} WHERE ($1 = '' OR r.status = $1) AND ($2 = '' OR r.dataset_id = $2) AND ($3 = '' OR r.id < $3) \
         ORDER BY r.id DESC LIMIT $4"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(filter.status.map_or("", Status::as_str))
        .bind(filter.dataset_id.clone().unwrap_or_default())
        .bind(filter.cursor.clone().unwrap_or_default())
        .bind(limit)
        .fetch_all(&database.pool)
        .await?;
    rows.iter().map(from_row).collect()
}

/// An id in its usual form.
///
/// # Errors
/// [`Error::NotFound`] for anything else: it names nothing.
pub fn parse_id(text: &str, what: &'static str) -> Result<String> {
    Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| Error::NotFound(what))
}

fn from_row(row: &AnyRow) -> Result<Run> {
    let error_code: Option<String> = row.try_get("error_code")?;
    let message: Option<String> = row.try_get("error_message")?;
    let iteration: Option<i64> = row.try_get("iteration")?;
    let sha256: Option<String> = row.try_get("model_sha256")?;
    let progress = iteration.map(|_| Progress::from_row(row)).transpose()?;
    let model = match sha256 {
        None => None,
        Some(sha256) => Some(ModelFile { size_bytes: row.try_get("model_size_bytes")?, sha256 }),
    };
    let time = |column: &str| row.try_get::<Option<i64>, _>(column).map(|time| time.map(rfc3339));
    Ok(Run {
        id: row.try_get("id")?,
        dataset_id: row.try_get("dataset_id")?,
        target: row.try_get("target")?,
        algorithm: row.try_get("algorithm")?,
        task: row.try_get("task")?,
        params: json(row, "params")?.unwrap_or_default(),
        seed: row.try_get("seed")?,
        test_fraction: row.try_get("test_fraction")?,
        status: status(&row.try_get::<String, _>("status")?)?,
        outcome: row.try_get("outcome")?,
        error: error_code.map(|code| RunError { code, message: message.unwrap_or_default() }),
        attempts: row.try_get("attempts")?,
        created_at: rfc3339(row.try_get("created_at")?),
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
        progress,
        scores: json(row, "scores")?,
        model,
        report: json(row, "report")?,
        model_key: row.try_get("model_key")?,
    })
}

fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Option<T>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| Error::Internal(error.into()))
}

fn status(text: &str) -> Result<Status> {
    use serde::de::IntoDeserializer;
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    Status::deserialize(text).map_err(|error| Error::Internal(error.into()))
}
