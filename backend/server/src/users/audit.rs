//! `GET /api/v1/audit`.

use axum::extract::State;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::people::PageQuery;
use crate::database::rfc3339;
use crate::error::Result;
use crate::request::{Json, Page, Query};
use crate::state::Shared;

/// Something that was done, or tried.
#[derive(Serialize)]
pub struct Entry {
    id: String,
    at: String,
    user_id: Option<String>,
    key_id: Option<String>,
    /// Method and route, or the setting by which the server did it at its start.
    action: String,
    /// What was made, or else the path that was asked for.
    object: String,
    /// `succeeded`, `refused`, `failed`, or `cancelled`: the client went away before the response.
    outcome: String,
    status: Option<i64>,
    address: Option<String>,
}

impl FromRow<'_, AnyRow> for Entry {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            at: rfc3339(row.try_get("at")?),
            user_id: row.try_get("user_id")?,
            key_id: row.try_get("key_id")?,
            action: row.try_get("action")?,
            object: row.try_get("object")?,
            outcome: row.try_get("outcome")?,
            status: row.try_get("status")?,
            address: row.try_get("address")?,
        })
    }
}

/// `GET /api/v1/audit`: who changed what, newest first.
pub async fn list(State(app): State<Shared>, Query(page): Query<PageQuery>) -> Result<Json<Page<Entry>>> {
    let (limit, before) = page.checked()?;
    let query = "SELECT id, at, user_id, key_id, action, object, outcome, status, address FROM audit \
        WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let found: Vec<Entry> = sqlx::query_as(query).bind(before).bind(limit + 1).fetch_all(&app.database.pool).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone())))
}
