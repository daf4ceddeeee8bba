//! Reading runs as the API shows them, and the dataset that a run learns from.

use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::progress::progress_from_row;
use super::{spec_from_row, unreadable};
use crate::ai::subject::parse_text;
use crate::database::{Database, rfc3339};
use crate::error::{Error, Result};
use crate::labels::RunStatus;
use crate::training::run::{ModelFile, Run, RunError, RunFilter, parse_id};

const SELECT: &str = "SELECT r.id, r.dataset_id, r.target, r.algorithm, r.task, r.params, r.seed, r.test_fraction, \
    r.status, r.outcome, r.error_code, r.error_message, r.attempts, r.created_at, r.started_at, r.finished_at, r.scores, \
    r.report, r.explanation, r.model_key, r.model_size_bytes, r.model_sha256, p.iteration, p.total, p.train_loss, p.valid_loss \
    FROM runs r LEFT JOIN run_progress p ON p.run_id = r.id \
    AND p.iteration = (SELECT MAX(q.iteration) FROM run_progress q WHERE q.run_id = r.id)";

/// What training needs to know of a dataset.
pub struct DatasetSource {
    pub storage_key: String,
    pub gzip: bool,
}

/// The run with this id.
///
/// # Errors
/// [`Error::NotFound`], also for a text that is not an id.
pub async fn find_run(database: &Database, id: &str) -> Result<Run> {
    let id = parse_id(id, "run")?;
    let query = sqlx::query(AssertSqlSafe(format!("{SELECT} WHERE r.id = $1"))).bind(id);
    let row = query.fetch_optional(&database.pool).await?.ok_or(Error::NotFound("run"))?;
    run_from_row(&row)
}

/// Up to `limit` runs, the newest first, older than the run `cursor`.
pub async fn list_runs(database: &Database, filter: &RunFilter, limit: i64) -> Result<Vec<Run>> {
    // A parameter is compared with itself where it is not given, so that one statement serves all.
    let sql = format!(
        "{SELECT} WHERE ($1 = '' OR r.status = $1) AND ($2 = '' OR r.dataset_id = $2) AND ($3 = '' OR r.id < $3) \
         ORDER BY r.id DESC LIMIT $4"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(filter.status.map_or("", RunStatus::name))
        .bind(filter.dataset_id.clone().unwrap_or_default())
        .bind(filter.cursor.clone().unwrap_or_default())
        .bind(limit)
        .fetch_all(&database.pool)
        .await?;
    rows.iter().map(run_from_row).collect()
}

/// Where a run's dataset is stored. It may be used for as long as it exists, expired or not.
pub async fn find_dataset_source(database: &Database, dataset_id: &str) -> Result<Option<DatasetSource>> {
    let sql = "SELECT storage_key, format FROM datasets WHERE id = $1";
    let row = sqlx::query(sql).bind(dataset_id).fetch_optional(&database.pool).await?;
    row.map(|row| {
        let gzip = row.try_get::<String, _>("format")? == "csv.gz";
        Ok(DatasetSource { storage_key: row.try_get("storage_key")?, gzip })
    })
    .transpose()
}

fn run_from_row(row: &AnyRow) -> Result<Run> {
    let error_code: Option<String> = row.try_get("error_code")?;
    let message: Option<String> = row.try_get("error_message")?;
    let iteration: Option<i64> = row.try_get("iteration")?;
    let sha256: Option<String> = row.try_get("model_sha256")?;
    let progress = iteration.map(|_| progress_from_row(row)).transpose()?;
    let model = match sha256 {
        None => None,
        Some(sha256) => Some(ModelFile { size_bytes: row.try_get("model_size_bytes")?, sha256 }),
    };
    let time = |column: &str| row.try_get::<Option<i64>, _>(column).map(|time| time.map(rfc3339));
    Ok(Run {
        id: row.try_get("id")?,
        spec: spec_from_row(row)?,
        status: row.try_get::<String, _>("status")?.parse().map_err(unreadable)?,
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
        explanation: parse_text(row.try_get("explanation")?)?,
        model_key: row.try_get("model_key")?,
    })
}

fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Option<T>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)
}
