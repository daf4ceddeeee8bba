//! Query metrics around sqlx without touching a call site: sqlx reports each statement and each wait for a connection
//! as a tracing event, and this layer turns those into histograms.
//!
//! The pool must report them: `log_statements(Debug)` on the connect options and `acquire_time_level(Debug)` on the pool's.

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::catalogue::{DB_CONNECTION_ACQUIRE_DURATION_SECONDS, DB_QUERY_DURATION_SECONDS};

/// Measures statements and waits from sqlx's events.
pub(crate) struct QueryMetrics;

impl<S: Subscriber> Layer<S> for QueryMetrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        match event.metadata().target() {
            "sqlx::query" => {
                DB_QUERY_DURATION_SECONDS.with([seen.query_type.unwrap_or("other")]).record(seen.seconds);
            }
            "sqlx::pool::acquire" => DB_CONNECTION_ACQUIRE_DURATION_SECONDS.record(seen.seconds),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Seen {
    query_type: Option<&'static str>,
    seconds: f64,
}

impl Visit for Seen {
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
fn query_type(statement: &str) -> &'static str {
    let word = statement.split_ascii_whitespace().next().unwrap_or_default().trim_end_matches(';');
    match word.to_ascii_lowercase().as_str() {
        "select" | "with" => "select",
        "insert" => "insert",
        "update" => "update",
        "delete" => "delete",
        "begin" | "commit" | "rollback" | "savepoint" | "release" => "transaction",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::query_type;

    #[test]
    fn a_statement_is_known_by_its_first_word() {
        assert_eq!(query_type("SELECT id FROM runs"), "select");
        assert_eq!(query_type("commit;"), "transaction");
        assert_eq!(query_type("PRAGMA optimize"), "other");
        assert_eq!(query_type(""), "other");
    }
}
