//! Alerts: what is wrong now and what was, in the database, whoever found it. Of each name one is open at most for each
//! source; while it is, raising it again only brings its text up to date.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use crate::database::{Database, Transaction, now_micros, rfc3339};
use crate::error::{Error, Result};
use crate::events::alert::{AlertRaised, AlertResolved};
pub use crate::labels::Severity;
use crate::request::{Json, Page, Query, is_id};
use crate::state::Shared;

/// Something wrong.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// Names the alert, in CamelCase.
    pub name: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without values.
    pub summary: &'a str,
    /// The same with the values.
    pub description: &'a str,
    /// Who found it, such as a job: that it is well elsewhere changes nothing.
    pub source: &'a str,
}

/// Opens the alert of this name and source, or brings the open one up to date.
pub async fn raise(database: &Database, finding: Finding<'_>) -> Result<()> {
    let Finding { name, severity, summary, description, source } = finding;
    let updated = sqlx::query(
        "UPDATE alerts SET severity = $1, summary = $2, description = $3 \
         WHERE name = $4 AND source = $5 AND resolved_at IS NULL",
    )
    .bind(<&str>::from(severity))
    .bind(summary)
    .bind(description)
    .bind(name)
    .bind(source)
    .execute(&database.pool)
    .await?;
    if updated.rows_affected() > 0 {
        return Ok(());
    }
    // Another server on the same data folder may open it at the same moment; one of the two does.
    let opened = sqlx::query(
        "INSERT INTO alerts (id, name, severity, summary, description, source, raised_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(Uuid::now_v7().to_string())
    .bind(name)
    .bind(<&str>::from(severity))
    .bind(summary)
    .bind(description)
    .bind(source)
    .bind(now_micros())
    .execute(&database.pool)
    .await?;
    if opened.rows_affected() > 0 {
        AlertRaised { name, severity, source, description }.emit();
    }
    Ok(())
}

/// Resolves the open alert of this name and source.
pub async fn resolve(database: &Database, name: &str, source: &str) -> Result<()> {
    let severity: Option<String> = sqlx::query_scalar(
        "UPDATE alerts SET resolved_at = $1 WHERE name = $2 AND source = $3 AND resolved_at IS NULL \
         RETURNING severity",
    )
    .bind(now_micros())
    .bind(name)
    .bind(source)
    .fetch_optional(&database.pool)
    .await?;
    if let Some(severity) = severity {
        AlertResolved { name, severity: read_severity(&severity)?, source }.emit();
    }
    Ok(())
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

fn read_severity(text: &str) -> Result<Severity> {
    text.parse().map_err(|error: strum::ParseError| {
        Error::Internal(anyhow::Error::new(error).context("an alert's severity cannot be read"))
    })
}

/// Which alerts.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    Open,
    Resolved,
}

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    state: Option<Which>,
    limit: Option<i64>,
    cursor: Option<String>,
}

struct Row {
    id: String,
    name: String,
    severity: String,
    summary: String,
    description: String,
    source: String,
    raised_at: i64,
    resolved_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            severity: row.try_get("severity")?,
            summary: row.try_get("summary")?,
            description: row.try_get("description")?,
            source: row.try_get("source")?,
            raised_at: row.try_get("raised_at")?,
            resolved_at: row.try_get("resolved_at")?,
        })
    }
}

/// An alert as the API shows it.
#[derive(Serialize)]
pub struct Alert {
    id: String,
    name: String,
    /// `open` or `resolved`.
    state: &'static str,
    severity: String,
    summary: String,
    description: String,
    source: String,
    raised_at: String,
    resolved_at: Option<String>,
}

impl From<Row> for Alert {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            state: if row.resolved_at.is_none() { "open" } else { "resolved" },
            severity: row.severity,
            summary: row.summary,
            description: row.description,
            source: row.source,
            raised_at: rfc3339(row.raised_at),
            resolved_at: row.resolved_at.map(rfc3339),
        }
    }
}

/// `GET /api/v1/alerts`: newest first; `state=open` or `state=resolved` shows those only.
pub async fn list(State(app): State<Shared>, Query(requested): Query<ListQuery>) -> Result<Json<Page<Alert>>> {
    let limit = Page::<Alert>::limit(requested.limit)?;
    if requested.cursor.as_deref().is_some_and(|cursor| !is_id(cursor)) {
        return Err(Page::<Alert>::invalid_cursor());
    }
    let of_state = match requested.state {
        Some(Which::Open) => "AND resolved_at IS NULL",
        Some(Which::Resolved) => "AND resolved_at IS NOT NULL",
        None => "",
    };
    // Ids grow with time, and every one is less than `g`.
    let query = format!(
        "SELECT id, name, severity, summary, description, source, raised_at, resolved_at FROM alerts \
         WHERE id < $1 {of_state} ORDER BY id DESC LIMIT $2"
    );
    let query = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query));
    let query = query.bind(requested.cursor.unwrap_or_else(|| "g".to_owned())).bind(limit + 1);
    let found = query.fetch_all(&app.database.pool).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone()).map(Alert::from)))
}
