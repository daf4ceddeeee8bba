//! `GET /api/v1/alerts`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::database::rfc3339;
use crate::error::Result;
use crate::labels::Severity;
use crate::request::{Json, Page, Query};
use crate::state::Shared;

/// Which alerts.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    Open,
    Resolved,
}

/// Which page, and of which alerts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    state: Option<Which>,
    severity: Option<Severity>,
    source: Option<String>,
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
    fingerprint: String,
    labels: String,
    runbook_url: String,
    dashboard_url: String,
}

const COLUMNS: &str = "id, name, severity, summary, description, source, raised_at, resolved_at, fingerprint, labels, \
     runbook_url, dashboard_url";

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
            fingerprint: row.try_get("fingerprint")?,
            labels: row.try_get("labels")?,
            runbook_url: row.try_get("runbook_url")?,
            dashboard_url: row.try_get("dashboard_url")?,
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
    /// `alertmanager`, or what of this service found it.
    source: String,
    raised_at: String,
    resolved_at: Option<String>,
    /// Alertmanager's id of the labels; none of an alert of this service's own, which has no labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    runbook_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dashboard_url: String,
}

impl From<Row> for Alert {
    fn from(row: Row) -> Self {
        let is_own = row.fingerprint.is_empty();
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
            fingerprint: Some(row.fingerprint).filter(|_| !is_own),
            labels: RawValue::from_string(row.labels).ok().filter(|_| !is_own),
            runbook_url: row.runbook_url,
            dashboard_url: row.dashboard_url,
        }
    }
}

/// `GET /api/v1/alerts`: newest first; `state`, `severity` and `source` show only those. A source may be given without the data
/// folder that follows its `@`.
pub async fn list(State(app): State<Shared>, Query(requested): Query<ListQuery>) -> Result<Json<Page<Alert>>> {
    let limit = Page::<Alert>::limit(requested.limit)?;
    let before = Page::<Alert>::before(requested.cursor)?;
    let of_state = match requested.state {
        Some(Which::Open) => "AND resolved_at IS NULL",
        Some(Which::Resolved) => "AND resolved_at IS NOT NULL",
        None => "",
    };
    let severity = requested.severity.map_or("", <&str>::from);
    // PostgreSQL refuses a NUL, and no source has one.
    let source = requested.source.unwrap_or_default().replace('\0', "\u{fffd}");
    let of_folders = format!("{source}@");
    let query = format!(
        "SELECT {COLUMNS} FROM alerts WHERE id < $1 {of_state} AND ($2 = '' OR severity = $3) \
         AND ($4 = '' OR source = $5 OR substr(source, 1, length($6)) = $7) ORDER BY id DESC LIMIT $8"
    );
    let query = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query))
        .bind(before)
        .bind(severity)
        .bind(severity)
        .bind(&source)
        .bind(&source)
        .bind(&of_folders)
        .bind(&of_folders)
        .bind(limit + 1);
    let found = query.fetch_all(&app.database.pool).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone()).map(Alert::from)))
}
