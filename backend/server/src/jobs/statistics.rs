//! What the history of a job adds up to, without reading the history: totals are kept, and everything else is the end of
//! an index. At a million rows each of these statements touches at most `SAMPLE` of them.
//!
//! Totals are of all runs ever; the percentiles are those of the latest.

use sqlx::FromRow;

use super::Job;
use crate::database::Database;
use crate::error::Result;

/// How many of the latest runs the percentiles are taken from.
const SAMPLE: i64 = 1_000;

const TOTALS: &str = "SELECT successful, failed, aborted, duration_seconds, max_duration_seconds FROM job_totals \
    WHERE job_name = $1";

const UNDER_WAY: &str = "SELECT COUNT(*) FROM job_runs WHERE status = 'running' AND job_name = $1";

const LATEST: &str = "SELECT started_at, status FROM job_runs WHERE job_name = $1 ORDER BY started_at DESC LIMIT 1";

const DURATIONS: &str = "SELECT duration_seconds FROM job_runs WHERE job_name = $1 AND duration_seconds IS NOT NULL \
    ORDER BY started_at DESC LIMIT $2";

const DUE: &str = "SELECT next_due_at FROM jobs WHERE job_name = $1";

/// A page of the history of one job, latest first.
pub(super) const HISTORY_OF_JOB: &str = "SELECT id, job_name, started_at, finished_at, status, duration_seconds, \
    error_message, metadata FROM job_runs WHERE job_name = $1 ORDER BY started_at DESC LIMIT $2";

/// A page of the history of all jobs, latest first.
pub(super) const HISTORY: &str = "SELECT id, job_name, started_at, finished_at, status, duration_seconds, \
    error_message, metadata FROM job_runs ORDER BY started_at DESC LIMIT $1";

/// The sums over all runs that ended.
#[derive(Clone, Debug, Default, FromRow)]
pub(super) struct Totals {
    pub(super) successful: i64,
    pub(super) failed: i64,
    pub(super) aborted: i64,
    duration_seconds: f64,
    max_duration_seconds: f64,
}

/// What is known of a job's runs.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    pub(super) totals: Totals,
    pub(super) under_way: i64,
    /// Start and status of the latest run.
    pub(super) latest: Option<(i64, String)>,
    pub(super) next_due_at: Option<i64>,
    /// Of the latest runs that ended, in seconds, ascending.
    durations: Vec<f64>,
}

impl Statistics {
    /// Reads what is known of `job`, whose row in `jobs` is `row`.
    pub(super) async fn of(database: &Database, job: Job, row: &str) -> Result<Self> {
        let (pool, name) = (&database.pool, job.name());
        let mut durations: Vec<f64> = sqlx::query_scalar(DURATIONS).bind(name).bind(SAMPLE).fetch_all(pool).await?;
        durations.sort_by(f64::total_cmp);
        Ok(Self {
            totals: sqlx::query_as(TOTALS).bind(name).fetch_optional(pool).await?.unwrap_or_default(),
            under_way: sqlx::query_scalar(UNDER_WAY).bind(name).fetch_one(pool).await?,
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
    use sqlx::{AssertSqlSafe, Executor, Row};

    use super::*;
    use crate::database::Engine;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let statistics = Statistics { durations: vec![1.0, 2.0, 3.0, 4.0], ..Statistics::default() };
        assert_eq!(statistics.percentile_seconds(0.5), Some(2.0));
        assert_eq!(statistics.percentile_seconds(0.95), Some(4.0));
        assert_eq!(Statistics::default().percentile_seconds(0.5), None);
    }

    const ROWS: i64 = 200_000;

    /// A third of the rows each for two jobs that exist and for one that does not.
    fn filling(engine: Engine) -> String {
        let numbers = match engine {
            Engine::Sqlite => {
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})"
            }
            Engine::Postgres => "WITH numbers(n) AS (SELECT generate_series(1, CAST({ROWS} AS BIGINT)))",
        };
        let insert =
            "INSERT INTO job_runs (id, job_name, started_at, finished_at, status, duration_seconds, heartbeat_at) ";
        let select = "SELECT 'run-' || n, CASE n % 3 WHEN 0 THEN 'ttl_cleanup' WHEN 1 THEN 'orphan_sweep' ELSE 'gone' END, \
            n * 1000000, n * 1000000 + 500000, CASE n % 10 WHEN 0 THEN 'failed' ELSE 'success' END, 0.5, n * 1000000 \
            FROM numbers";
        format!("{} {insert}{select}", numbers.replace("{ROWS}", &ROWS.to_string()))
    }

    /// The plan of a statement, one line a step, and the lines that read the history without an index or sort it.
    async fn slow_steps(database: &Database, statement: &str) -> (String, Vec<String>) {
        let (explain, column) = match database.engine {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
            Engine::Postgres => ("EXPLAIN", "QUERY PLAN"),
        };
        // PostgreSQL plans by the values.
        let statement = statement.replace("$1 ORDER", "'ttl_cleanup' ORDER").replace("$2", "1000");
        let limited = statement.replace("LIMIT $1", "LIMIT 500").replace("$1", "'ttl_cleanup'");
        let rows = database.pool.fetch_all(AssertSqlSafe(format!("{explain} {limited}"))).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.try_get(column).unwrap()).collect();
        let slow = |step: &String| match database.engine {
            Engine::Sqlite => {
                step.contains("TEMP B-TREE") || (step.contains("SCAN job_runs") && !step.contains("USING INDEX"))
            }
            Engine::Postgres => step.contains("Seq Scan on job_runs") || step.contains("Sort"),
        };
        (steps.join("\n"), steps.iter().filter(|step| slow(step)).cloned().collect())
    }

    #[tokio::test]
    async fn no_statement_scans_or_sorts_a_long_history() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::database::testing::fresh(folder.path()).await;
        let filled = database.pool.execute(AssertSqlSafe(filling(database.engine))).await.unwrap();
        assert_eq!(filled.rows_affected(), ROWS.unsigned_abs());
        database.pool.execute("ANALYZE").await.unwrap();
        for statement in [UNDER_WAY, LATEST, DURATIONS, HISTORY_OF_JOB, HISTORY] {
            let (plan, slow) = slow_steps(&database, statement).await;
            println!("{statement}\n{plan}\n");
            assert!(slow.is_empty(), "{statement}\n{plan}");
        }
        // That the check can fail: this one counts them all.
        let (plan, slow) =
            slow_steps(&database, "SELECT duration_seconds FROM job_runs ORDER BY duration_seconds").await;
        assert!(!slow.is_empty(), "{plan}");
        let statistics = Statistics::of(&database, Job::TtlCleanup, "ttl_cleanup").await.unwrap();
        assert_eq!(statistics.latest, Some((199_998_000_000, "success".to_owned())));
        assert_eq!(statistics.durations.len(), SAMPLE as usize);
    }
}
