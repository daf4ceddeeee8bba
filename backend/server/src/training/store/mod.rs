//! All SQL over the tables `runs` and `run_progress` that training needs. Each change of a run's status is one guarded
//! statement, so that of several processes that try, one succeeds.

pub mod claims;
pub mod listing;
pub mod progress;
pub mod queue;
pub mod reaper;

use belfry_learning::algorithm::{Algorithm, UnknownAlgorithm};
use belfry_learning::protocol::RunSpec;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::{Error, Result};

/// What is to be trained, from a row with the columns of `runs`.
fn spec_from_row(row: &AnyRow) -> Result<RunSpec> {
    let task: Option<String> = row.try_get("task")?;
    let params: String = row.try_get("params")?;
    Ok(RunSpec {
        dataset_id: row.try_get("dataset_id")?,
        target: row.try_get("target")?,
        algorithm: algorithm_from_row(row)?,
        task: task.map(|task| task.parse()).transpose().map_err(unreadable)?,
        params: serde_json::from_str(&params).map_err(unreadable)?,
        seed: row.try_get::<i64, _>("seed")?.try_into().map_err(unreadable)?,
        test_fraction: row.try_get("test_fraction")?,
    })
}

fn algorithm_from_row(row: &AnyRow) -> Result<Algorithm> {
    let algorithm: String = row.try_get("algorithm")?;
    Algorithm::parse(&algorithm, true).map_err(unreadable::<UnknownAlgorithm>)
}

fn unreadable<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::Internal(anyhow::Error::new(error).context("a run's row cannot be read"))
}
