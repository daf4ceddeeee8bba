//! The alerts of this service in the database. Of each name one is open at most for each source; while it is, raising it again
//! only brings its text up to date.

use uuid::Uuid;

use crate::database::{Database, Transaction, now_micros};
use crate::error::{Error, Result};
use crate::events::alert::{AlertRaised, AlertResolved};
use crate::labels::Severity;

/// Something wrong.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// Names the alert, in CamelCase.
    pub name: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// The part of the service that it is about.
    pub component: &'a str,
    /// One sentence without values.
    pub summary: &'a str,
    /// The same with the values.
    pub description: &'a str,
    /// Who found it, such as a job: that it is well elsewhere changes nothing.
    pub source: &'a str,
}

/// What raising an alert has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It was opened.
    Now,
    /// It was open.
    Before,
}

/// Opens the alert of this name and source, or brings the open one up to date.
pub(super) async fn raise(database: &Database, finding: Finding<'_>) -> Result<Raised> {
    let Finding { name, severity, summary, description, source, component: _ } = finding;
    let updated = sqlx::query(
        "UPDATE alerts SET severity = $1, summary = $2, description = $3, reported_at = $4 \
         WHERE name = $5 AND source = $6 AND resolved_at IS NULL",
    )
    .bind(<&str>::from(severity))
    .bind(summary)
    .bind(description)
    .bind(now_micros())
    .bind(name)
    .bind(source)
    .execute(&database.pool)
    .await?;
    if updated.rows_affected() > 0 {
        return Ok(Raised::Before);
    }
    let now = now_micros();
    // Another server on the same data folder may open it at the same moment; one of the two does.
    let opened = sqlx::query(
        "INSERT INTO alerts (id, name, severity, summary, description, source, raised_at, reported_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(Uuid::now_v7().to_string())
    .bind(name)
    .bind(<&str>::from(severity))
    .bind(summary)
    .bind(description)
    .bind(source)
    .bind(now)
    .bind(now)
    .execute(&database.pool)
    .await?;
    if opened.rows_affected() == 0 {
        return Ok(Raised::Before);
    }
    AlertRaised { name, severity, source, description }.emit();
    Ok(Raised::Now)
}

/// Resolves the open alert of this name and source. Returns its severity, if there was one.
pub(super) async fn resolve(database: &Database, name: &str, source: &str) -> Result<Option<Severity>> {
    // Most often there is none, and then nobody has to wait for who writes.
    let is_open: Option<i64> =
        sqlx::query_scalar("SELECT raised_at FROM alerts WHERE name = $1 AND source = $2 AND resolved_at IS NULL")
            .bind(name)
            .bind(source)
            .fetch_optional(&database.pool)
            .await?;
    if is_open.is_none() {
        return Ok(None);
    }
    let severity: Option<String> = sqlx::query_scalar(
        "UPDATE alerts SET resolved_at = $1 WHERE name = $2 AND source = $3 AND resolved_at IS NULL \
         RETURNING severity",
    )
    .bind(now_micros())
    .bind(name)
    .bind(source)
    .fetch_optional(&database.pool)
    .await?;
    let Some(severity) = severity else { return Ok(None) };
    let severity = read_severity(&severity)?;
    AlertResolved { name, severity, source }.emit();
    Ok(Some(severity))
}

/// An alert that was resolved in a transaction.
pub struct Resolved {
    name: String,
    severity: Severity,
    source: String,
}

impl Resolved {
    /// Counts and logs it, once the transaction is committed.
    pub fn emit(self) {
        AlertResolved { name: &self.name, severity: self.severity, source: &self.source }.emit();
    }
}

/// Resolves every open alert of a source that will never look again, and says why in their descriptions.
pub async fn resolve_all_of_source(transaction: &mut Transaction, source: &str, why: &str) -> Result<Vec<Resolved>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "UPDATE alerts SET resolved_at = $1, description = description || $2 \
         WHERE source = $3 AND resolved_at IS NULL RETURNING name, severity, source",
    )
    .bind(now_micros())
    .bind(format!("; {why}"))
    .bind(source)
    .fetch_all(&mut **transaction)
    .await?;
    let resolved = |(name, severity, source): (String, String, String)| {
        Ok(Resolved { name, severity: read_severity(&severity)?, source })
    };
    rows.into_iter().map(resolved).collect()
}

/// A severity as it is stored.
pub fn read_severity(text: &str) -> Result<Severity> {
    text.parse().map_err(|error: strum::ParseError| {
        Error::Internal(anyhow::Error::new(error).context("an alert's severity cannot be read"))
    })
}
