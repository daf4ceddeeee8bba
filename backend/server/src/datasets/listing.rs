//! The list of datasets, a page at a time.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::rows::{self, Dataset};
use crate::app::Shared;
use crate::error::{Error, Result};
use crate::request::{Json, Query, is_id};

const DEFAULT_LIMIT: i64 = 50;
const HIGHEST_LIMIT: i64 = 200;

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    limit: Option<i64>,
    cursor: Option<String>,
}

/// A page, and where the next one begins.
#[derive(Serialize)]
pub struct Page {
    items: Vec<Dataset>,
    next_cursor: Option<String>,
}

/// `GET /api/v1/datasets`: newest first. Datasets added or removed meanwhile shift nothing.
pub async fn list(State(app): State<Shared>, Query(asked): Query<Asked>) -> Result<Json<Page>> {
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=HIGHEST_LIMIT).contains(&limit) {
        let detail = format!("limit: found {limit}, expected 1 to {HIGHEST_LIMIT}");
        return Err(Error::BadRequest { code: "invalid_limit", detail });
    }
    let before = asked.cursor.as_deref().map(read_cursor).transpose()?;
    let mut found = rows::page(&app.database, before, limit + 1).await?;
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| write_cursor(last.created_at, &last.dataset.id));
    Ok(Json(Page { items: found.into_iter().map(|stored| stored.dataset).collect(), next_cursor }))
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
    let detail = "cursor: expected the next_cursor of an earlier page";
    read().ok_or_else(|| Error::BadRequest { code: "invalid_cursor", detail: detail.to_owned() })
}
