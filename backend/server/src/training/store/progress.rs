//! The steps of runs, in the table `run_progress`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::claims::Claim;
use crate::database::Database;
use crate::error::Result;
use crate::training::run::Progress;

/// Most steps that one call of [`insert_steps`] takes. PostgreSQL allows 65 535 parameters, SQLite 32 766.
pub const MAX_STEPS: usize = 1000;

/// Inserts steps, unless the claim was lost: then the table holds another attempt's. Returns how many were inserted.
pub async fn insert_steps(database: &Database, claim: &Claim, steps: &[Progress]) -> Result<u64> {
    let mut sql = "INSERT INTO run_progress (run_id, iteration, total, train_loss, valid_loss) \
                   SELECT r.id, s.column1, s.column2, s.column3, s.column4 FROM runs r, (VALUES "
        .to_owned();
    for index in 0..steps.len() {
        let first = 3 + 4 * index;
        let comma = if index == 0 { "" } else { ", " };
        sql.push_str(&format!("{comma}(${first}, ${}, ${}, ${})", first + 1, first + 2, first + 3));
    }
    sql.push_str(
        ") AS s WHERE r.id = $1 AND r.worker_id = $2 AND r.status = 'running' ON CONFLICT (run_id, iteration) DO NOTHING",
    );
    // Each number of steps is another statement; a thousand of them are not worth caching.
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(&claim.run_id).bind(&claim.worker_id);
    for step in steps {
        query = query.bind(step.iteration).bind(step.total).bind(step.train_loss).bind(step.valid_loss);
    }
    Ok(query.execute(&database.pool).await?.rows_affected())
}

/// Up to `limit` steps of a run after the iteration `last`.
pub async fn steps_after(database: &Database, run_id: &str, last: i64, limit: i64) -> Result<Vec<Progress>> {
    let sql = "SELECT iteration, total, train_loss, valid_loss FROM run_progress \
               WHERE run_id = $1 AND iteration > $2 ORDER BY iteration LIMIT $3";
    let rows = sqlx::query(sql).bind(run_id).bind(last).bind(limit).fetch_all(&database.pool).await?;
    rows.iter().map(progress_from_row).collect()
}

/// Reads a step from a row of `run_progress`.
pub fn progress_from_row(row: &AnyRow) -> Result<Progress> {
    Ok(Progress {
        iteration: row.try_get("iteration")?,
        total: row.try_get("total")?,
        train_loss: row.try_get("train_loss")?,
        valid_loss: row.try_get("valid_loss")?,
    })
}
