//! The list of datasets, a page at a time.

use axum::extract::State;
use serde::Deserialize;

use super::rows::{self, Dataset};
use crate::error::Result;
use crate::request::{Json, Page, Query, is_id};
use crate::state::Shared;

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<i64>,
    cursor: Option<String>,
}

/// `GET /api/v1/datasets`: newest first. Datasets added or removed meanwhile shift nothing.
pub async fn list(State(app): State<Shared>, Query(requested): Query<ListQuery>) -> Result<Json<Page<Dataset>>> {
    let limit = Page::<Dataset>::limit(requested.limit)?;
    let before = requested.cursor.as_deref().map(read_cursor).transpose()?;
    let found = rows::page(&app.database, before, limit + 1).await?;
    let page = Page::from_rows(found, limit, |last| write_cursor(last.created_at, &last.dataset.id));
    Ok(Json(page.map(|stored| stored.dataset)))
}

fn write_cursor(created_at: i64, id: &str) -> String {
    hex::encode(format!("{created_at} {id}"))
}

fn read_cursor(cursor: &str) -> Result<(i64, String)> {
    let read = || {
        let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
        let (created_at, id) = text.split_once(' ')?;
        is_id(id).then_some((created_at.parse().ok()?, id.to_owned()))
    };
    read().ok_or_else(Page::<Dataset>::invalid_cursor)
}
