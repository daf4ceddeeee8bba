//! List, show and cancel runs.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belfry_learning::outcome::Outcome;
use serde::Serialize;

use super::queue::{self, Cancelled};
use super::run::{self, Filter, Run};
use crate::app::Shared;
use crate::error::{Error, Result};
use crate::events::training::RunFinished;
use crate::request::{Json, Query};

const DEFAULT_PAGE: i64 = 50;
const LARGEST_PAGE: i64 = 200;

/// One page of runs, the newest first.
#[derive(Serialize)]
pub struct Page {
    items: Vec<Run>,
    /// Give it as `cursor` to get the next page; absent on the last one.
    next_cursor: Option<String>,
}

/// Lists runs.
pub async fn list(State(app): State<Shared>, Query(filter): Query<Filter>) -> Result<Json<Page>> {
    let limit = filter.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        let detail = format!("limit: found {limit}, expected 1 to {LARGEST_PAGE}");
        return Err(Error::BadRequest { code: "invalid_limit", detail });
    }
    if let Some(cursor) = &filter.cursor
        && run::parse_id(cursor, "page").is_err()
    {
        let detail = "cursor: expected the next_cursor of an earlier page".to_owned();
        return Err(Error::BadRequest { code: "invalid_cursor", detail });
    }
    if let Some(dataset_id) = &filter.dataset_id
        && run::parse_id(dataset_id, "dataset").is_err()
    {
        return Ok(Json(Page { items: Vec::new(), next_cursor: None }));
    }
    // One more than asked for tells whether there is a next page.
    let mut items = run::list(&app.database, &filter, limit + 1).await?;
    let more = items.len() as i64 > limit;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|run| run.id.clone());
    Ok(Json(Page { items, next_cursor }))
}

/// Shows a run.
pub async fn show(State(app): State<Shared>, Path(id): Path<String>) -> Result<Json<Run>> {
    run::find(&app.database, &id).await.map(Json)
}

/// Cancels a run: at once if it waits, within about a second if it runs.
pub async fn cancel(State(app): State<Shared>, Path(id): Path<String>) -> Result<(StatusCode, Json<Run>)> {
    let id = run::parse_id(&id, "run")?;
    match queue::cancel(&app.database, &id).await? {
        Cancelled::Waiting { algorithm, attempts } => {
            let outcome = Outcome::Cancelled;
            RunFinished { run_id: &id, algorithm: &algorithm, outcome, attempt: attempts, ..RunFinished::default() }
                .emit();
            queue::emit_depth(&app.database).await;
        }
        Cancelled::Asked => {}
        Cancelled::TooLate => {
            let status = run::find(&app.database, &id).await?.status.as_str();
            return Err(Error::Conflict {
                code: "already_ended",
                detail: format!("the run has ended: it is {status}"),
            });
        }
    }
    app.wakers.run_changed(&id);
    Ok((StatusCode::ACCEPTED, Json(run::find(&app.database, &id).await?)))
}
