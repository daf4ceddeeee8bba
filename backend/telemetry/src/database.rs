//! The database as its client sees it: statements, waits for a connection, and the pool.
//!
//! **Statements and waits** are measured without touching a call site: sqlx reports each as a tracing event, and a layer of
//! this crate turns those into histograms. The pool must report them: `log_statements(Debug)` on the connect options and
//! `acquire_time_level(Debug)` on the pool's. SQLite's driver reports no `BEGIN` and `COMMIT`, of which the latter is what
//! waits for the disk; [`transaction_took`] is for those. Any other client of a database can use [`statement_took`].
//!
//! **The pool** is read before each page:
//!
//! ```no_run
//! # use belfry_telemetry::{Telemetry, database::PoolReading};
//! # struct Pool; impl Pool { fn size(&self) -> u32 { 5 } fn num_idle(&self) -> usize { 3 } }
//! # fn watch(telemetry: Telemetry, pool: Pool) {
//! // With sqlx; any pool that knows its numbers will do.
//! telemetry.before_scrape(move || PoolReading::new(pool.size().into(), pool.num_idle() as u64, 10).emit());
//! # }
//! ```

use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::catalogue::{
    DB_CONNECTION_ACQUIRE_DURATION_SECONDS, DB_CONNECTIONS_ACTIVE, DB_CONNECTIONS_IDLE, DB_CONNECTIONS_MAX,
    DB_QUERY_DURATION_SECONDS, QueryType,
};

/// A snapshot of a pool of connections.
///
/// ```
/// use belfry_telemetry::{database::PoolReading, testing::changed_series};
///
/// // Of 5 connections 3 are idle, and there may be 10.
/// let series = changed_series(|| PoolReading::new(5, 3, 10).emit());
/// assert_eq!(series, ["db_connections_active 2", "db_connections_idle 3", "db_connections_max 10"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolReading {
    /// Connections in use by a query or a transaction.
    pub active: u64,
    /// Open connections that wait for work.
    pub idle: u64,
    /// The largest number of connections the pool may open.
    pub max: u64,
}

impl PoolReading {
    /// A pool with `open` connections, of which `idle` wait for work, and never more than `max`.
    pub fn new(open: u64, idle: u64, max: u64) -> Self {
        // The two are read one after the other, so more may be idle than there were.
        Self { active: open.saturating_sub(idle), idle, max }
    }

    /// Sets the pool's gauges, which are not on the page before.
    pub fn emit(self) {
        DB_CONNECTIONS_ACTIVE.set(self.active as f64);
        DB_CONNECTIONS_IDLE.set(self.idle as f64);
        DB_CONNECTIONS_MAX.set(self.max as f64);
    }
}

/// Records a statement that sqlx does not report, by its first word.
///
/// ```
/// use belfry_telemetry::{database, testing::changed_series};
/// use std::time::Duration;
///
/// let series = changed_series(|| database::statement_took("DELETE FROM carts", Duration::from_millis(250)));
/// assert_eq!(series, [r#"db_query_duration_seconds{query_type="delete"} 0.25"#]);
/// ```
pub fn statement_took(statement: &str, elapsed: Duration) {
    DB_QUERY_DURATION_SECONDS.with(query_type(statement)).record(elapsed.as_secs_f64());
}

/// Records a `BEGIN`, `COMMIT` or `ROLLBACK` of a driver that does not report them: SQLite's.
///
/// ```
/// use belfry_telemetry::{database, testing::changed_series};
///
/// let started = std::time::Instant::now();
/// // Here the transaction is committed.
/// let series = changed_series(|| database::transaction_took(started.elapsed()));
/// assert!(series[0].starts_with(r#"db_query_duration_seconds{query_type="transaction"} "#));
/// ```
pub fn transaction_took(elapsed: Duration) {
    statement_took("COMMIT", elapsed);
}

/// Measures statements and waits from sqlx's events.
pub(crate) struct QueryMetrics;

impl<S: Subscriber> Layer<S> for QueryMetrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = QueryFields::default();
        event.record(&mut fields);
        match event.metadata().target() {
            "sqlx::query" => {
                let query_type = fields.query_type.unwrap_or(QueryType::Other);
                DB_QUERY_DURATION_SECONDS.with(query_type).record(fields.seconds);
            }
            "sqlx::pool::acquire" => DB_CONNECTION_ACQUIRE_DURATION_SECONDS.record(fields.seconds),
            _ => {}
        }
    }
}

#[derive(Default)]
struct QueryFields {
    query_type: Option<QueryType>,
    seconds: f64,
}

impl Visit for QueryFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if matches!(field.name(), "elapsed_secs" | "acquired_after_secs") {
            self.seconds = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            self.query_type = Some(query_type(value));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// The kind of a statement, from its first word.
fn query_type(statement: &str) -> QueryType {
    let word = statement.split_ascii_whitespace().next().unwrap_or_default().trim_end_matches(';');
    match word.to_ascii_lowercase().as_str() {
        "select" | "with" => QueryType::Select,
        "insert" => QueryType::Insert,
        "update" => QueryType::Update,
        "delete" => QueryType::Delete,
        "begin" | "commit" | "rollback" | "savepoint" | "release" => QueryType::Transaction,
        _ => QueryType::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::changed_series;

    #[test]
    fn a_statement_is_known_by_its_first_word() {
        assert_eq!(query_type("SELECT id FROM runs"), QueryType::Select);
        assert_eq!(query_type("commit;"), QueryType::Transaction);
        assert_eq!(query_type("PRAGMA optimize"), QueryType::Other);
        assert_eq!(query_type(""), QueryType::Other);
    }

    #[test]
    fn a_pool_reading_sets_its_gauges() {
        let expected = ["db_connections_active 2", "db_connections_idle 3", "db_connections_max 10"];
        assert_eq!(changed_series(|| PoolReading::new(5, 3, 10).emit()), expected);
        assert_eq!(PoolReading::new(2, 3, 10).active, 0);
    }

    #[test]
    fn a_statement_that_the_driver_does_not_report_is_recorded() {
        let half = Duration::from_millis(500);
        assert_eq!(
            changed_series(|| statement_took("DELETE FROM runs", half)),
            [r#"db_query_duration_seconds{query_type="delete"} 0.5"#]
        );
        assert_eq!(
            changed_series(|| transaction_took(half)),
            [r#"db_query_duration_seconds{query_type="transaction"} 0.5"#]
        );
    }
}
