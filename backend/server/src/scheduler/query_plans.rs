//! What the database does for each statement that the API and the scheduler ask it, at a million runs.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::claim::ALL;
use super::history::{END, ENDED, FORGET, LAST_END, LAST_SUCCESS, RECORD_HEARTBEAT};
use super::reaper::{ABORT, OF_INSTANCE, WITHOUT_HEARTBEAT};
use super::statistics::{DUE, DURATIONS, HISTORY, HISTORY_OF_JOB, IN_FLIGHT, LATEST, SAMPLE, Statistics, TOTALS};
use crate::database::{Database, Engine};

const ROWS: i64 = 1_000_000;

/// The statements with values such as they get. PostgreSQL plans by the values.
const STATEMENTS: [(&str, &[&str]); 17] = [
    (TOTALS, &["'ttl_cleanup'"]),
    (DUE, &["'ttl_cleanup'"]),
    (ALL, &[]),
    (IN_FLIGHT, &["'ttl_cleanup'"]),
    (LATEST, &["'ttl_cleanup'"]),
    (DURATIONS, &["'ttl_cleanup'", "1000"]),
    (HISTORY_OF_JOB, &["'ttl_cleanup'", "500"]),
    (HISTORY, &["500"]),
    (RECORD_HEARTBEAT, &["1", "'{}'", "'run-7'"]),
    (END, &["'success'", "1", "0.5", "NULL", "'{}'", "'run-7'"]),
    (ENDED, &["'run-7'"]),
    (LAST_SUCCESS, &["'ttl_cleanup'"]),
    (LAST_END, &["'ttl_cleanup'"]),
    (WITHOUT_HEARTBEAT, &["999970000000", "1000040000000"]),
    (OF_INSTANCE, &["'dead'"]),
    (ABORT, &["1", "'a message'", "'run-7'"]),
    (FORGET, &["500000000", "1000"]),
];

/// A third of the rows each for two jobs that exist and for one that does not; three of them in flight.
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
        n * 1000000, n * 1000000 + 500000, \
        CASE WHEN n > {ROWS} - 3 THEN 'running' WHEN n % 10 = 0 THEN 'failed' ELSE 'success' END, \
        CASE WHEN n > {ROWS} - 3 THEN NULL ELSE 0.5 END, n * 1000000 FROM numbers";
    format!("{numbers} {insert}{select}").replace("{ROWS}", &ROWS.to_string())
}

/// The plan of a statement with these values, and the lines of it that go through the whole history or sort it.
async fn slow_steps(database: &Database, statement: &str, values: &[&str]) -> (String, Vec<String>) {
    let (explain, column) = match database.engine {
        Engine::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Engine::Postgres => ("EXPLAIN", "QUERY PLAN"),
    };
    let filled = values
        .iter()
        .enumerate()
        .fold(statement.to_owned(), |statement, (place, value)| statement.replace(&format!("${}", place + 1), value));
    let rows = database.pool.fetch_all(AssertSqlSafe(format!("{explain} {filled}"))).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.try_get(column).unwrap()).collect();
    let slow = |step: &String| match database.engine {
        Engine::Sqlite => {
            let is_by_key = step.starts_with("SEARCH job_runs USING");
            // The end of an index, up to the limit.
            let is_bounded = step.contains("USING INDEX") && statement.contains("LIMIT");
            step.contains("TEMP B-TREE") || (step.contains("job_runs") && !is_by_key && !is_bounded)
        }
        Engine::Postgres => step.contains("Seq Scan on job_runs") || step.contains("Sort"),
    };
    (steps.join("\n"), steps.iter().filter(|step| slow(step)).cloned().collect())
}

#[tokio::test]
async fn no_statement_scans_a_history_of_a_million_runs() {
    let folder = tempfile::tempdir().unwrap();
    let database = crate::database::testing::fresh(folder.path()).await;
    let filled = database.pool.execute(AssertSqlSafe(filling(database.engine))).await.unwrap();
    assert_eq!(filled.rows_affected(), ROWS.unsigned_abs());
    database.pool.execute("ANALYZE").await.unwrap();
    for (statement, values) in STATEMENTS {
        let (plan, slow) = slow_steps(&database, statement, values).await;
        println!("{statement}\n{plan}\n");
        assert!(slow.is_empty(), "{statement}\n{plan}");
    }
    // That the check can fail: these look at them all.
    for all in
        ["SELECT MAX(duration_seconds) FROM job_runs", "SELECT id FROM job_runs ORDER BY duration_seconds LIMIT 1"]
    {
        let (plan, slow) = slow_steps(&database, all, &[]).await;
        assert!(!slow.is_empty(), "{plan}");
    }
    let statistics = Statistics::read(&database, "ttl_cleanup", "ttl_cleanup").await.unwrap();
    assert_eq!((statistics.in_flight, statistics.durations.len()), (1, SAMPLE as usize));
    assert_eq!(statistics.latest, Some((999_999_000_000, "running".to_owned())));
}
