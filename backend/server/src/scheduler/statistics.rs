//! What the history of a job adds up to, without reading the history: totals are stored, and everything else is the end of an
//! index. At a million rows each of these statements touches at most `SAMPLE` of them.
//!
//! Totals are of all runs ever; the percentiles are those of the latest.

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::database::Database;
use crate::error::Result;

/// How many of the latest runs the percentiles are taken from.
pub(super) const SAMPLE: i64 = 1_000;

pub(super) const TOTALS: &str = "SELECT successful, failed, aborted, duration_seconds, max_duration_seconds FROM job_totals \
    WHERE job_name = $1";

pub(super) const IN_FLIGHT: &str = "SELECT COUNT(*) FROM job_runs WHERE status = 'running' AND job_name = $1";

pub(super) const LATEST: &str =
    "SELECT started_at, status FROM job_runs WHERE job_name = $1 ORDER BY started_at DESC LIMIT 1";

pub(super) const DURATIONS: &str = "SELECT duration_seconds FROM job_runs WHERE job_name = $1 AND duration_seconds IS NOT NULL \
    ORDER BY started_at DESC LIMIT $2";

pub(super) const DUE: &str = "SELECT next_due_at FROM jobs WHERE job_name = $1";

/// A page of the history of one job, latest first.
pub(super) const HISTORY_OF_JOB: &str = "SELECT id, job_name, started_at, finished_at, status, duration_seconds, \
    error_message, metadata FROM job_runs WHERE job_name = $1 ORDER BY started_at DESC LIMIT $2";

/// A page of the history of all jobs, latest first.
pub(super) const HISTORY: &str = "SELECT id, job_name, started_at, finished_at, status, duration_seconds, \
    error_message, metadata FROM job_runs ORDER BY started_at DESC LIMIT $1";

/// The sums over all runs that ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) successful: i64,
    pub(super) failed: i64,
    pub(super) aborted: i64,
    duration_seconds: f64,
    max_duration_seconds: f64,
}

impl FromRow<'_, AnyRow> for Totals {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            successful: row.try_get("successful")?,
            failed: row.try_get("failed")?,
            aborted: row.try_get("aborted")?,
            duration_seconds: row.try_get("duration_seconds")?,
            max_duration_seconds: row.try_get("max_duration_seconds")?,
        })
    }
}

/// What is known of a job's runs.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    pub(super) totals: Totals,
    pub(super) in_flight: i64,
    /// Start and status of the latest run.
    pub(super) latest: Option<(i64, String)>,
    pub(super) next_due_at: Option<i64>,
    /// Of the latest runs that ended, in seconds, ascending.
    pub(super) durations: Vec<f64>,
}

impl Statistics {
    /// Reads what is known of the job, whose row in `jobs` is `row`.
    pub(super) async fn read(database: &Database, job_name: &str, row: &str) -> Result<Self> {
        let (pool, name) = (&database.pool, job_name);
        let mut durations: Vec<f64> = sqlx::query_scalar(DURATIONS).bind(name).bind(SAMPLE).fetch_all(pool).await?;
        durations.sort_by(f64::total_cmp);
        Ok(Self {
            totals: sqlx::query_as(TOTALS).bind(name).fetch_optional(pool).await?.unwrap_or_default(),
            in_flight: sqlx::query_scalar(IN_FLIGHT).bind(name).fetch_one(pool).await?,
            latest: sqlx::query_as(LATEST).bind(name).fetch_optional(pool).await?,
            next_due_at: sqlx::query_scalar(DUE).bind(row).fetch_optional(pool).await?,
            durations,
        })
    }

    /// How many runs ended.
    pub(super) fn ended(&self) -> i64 {
        self.totals.successful + self.totals.failed + self.totals.aborted
    }

    /// The share of the ended runs that succeeded; none before the first.
    pub(super) fn success_rate(&self) -> Option<f64> {
        (self.ended() > 0).then(|| self.totals.successful as f64 / self.ended() as f64)
    }

    pub(super) fn average_seconds(&self) -> Option<f64> {
        (self.ended() > 0).then(|| self.totals.duration_seconds / self.ended() as f64)
    }

    pub(super) fn longest_seconds(&self) -> Option<f64> {
        (self.ended() > 0).then_some(self.totals.max_duration_seconds)
    }

    /// The nearest-rank percentile of the latest runs.
    pub(super) fn percentile_seconds(&self, share: f64) -> Option<f64> {
        let rank = (share * self.durations.len() as f64).ceil() as usize;
        self.durations.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let statistics = Statistics { durations: vec![1.0, 2.0, 3.0, 4.0], ..Statistics::default() };
        assert_eq!(statistics.percentile_seconds(0.5), Some(2.0));
        assert_eq!(statistics.percentile_seconds(0.95), Some(4.0));
        assert_eq!(Statistics::default().percentile_seconds(0.5), None);
    }
}
