//! List, show and cancel runs.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belfry_learning::outcome::Outcome;

use super::queue_depth::refresh_queue_depth;
use super::run::{Run, RunFilter, parse_id};
use super::store::listing::{find_run, list_runs};
use super::store::queue::{CancelResult, cancel_run};
use crate::error::{Error, Result};
use crate::events::training::RunFinished;
use crate::request::{Json, Page, Query};
use crate::state::Shared;

/// Lists runs.
pub async fn list(State(app): State<Shared>, Query(filter): Query<RunFilter>) -> Result<Json<Page<Run>>> {
    let limit = Page::<Run>::limit(filter.limit)?;
    if filter.cursor.as_deref().is_some_and(|cursor| parse_id(cursor, "page").is_err()) {
        return Err(Page::<Run>::invalid_cursor());
    }
    if filter.dataset_id.as_deref().is_some_and(|dataset_id| parse_id(dataset_id, "dataset").is_err()) {
        return Ok(Json(Page::from_rows(Vec::new(), limit, |run: &Run| run.id.clone())));
    }
    let found = list_runs(&app.database, &filter, limit + 1).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone())))
}

/// Shows a run.
pub async fn show(State(app): State<Shared>, Path(id): Path<String>) -> Result<Json<Run>> {
    find_run(&app.database, &id).await.map(Json)
}

/// Cancels a run: at once if it is queued, within about a second if it is running.
pub async fn cancel(State(app): State<Shared>, Path(id): Path<String>) -> Result<(StatusCode, Json<Run>)> {
    let id = parse_id(&id, "run")?;
    match cancel_run(&app.database, &id).await? {
        CancelResult::Ended { algorithm, attempts } => {
            let outcome = Outcome::Cancelled;
            RunFinished { run_id: &id, algorithm, outcome, attempt: attempts, ..RunFinished::default() }.emit();
            refresh_queue_depth(&app.database).await;
        }
        CancelResult::Requested => {}
        CancelResult::TooLate => {
            let status = find_run(&app.database, &id).await?.status;
            return Err(Error::Conflict {
                code: "already_ended",
                detail: format!("the run has ended: it is {status}"),
            });
        }
    }
    app.run_notifications.notify_changed(&id);
    Ok((StatusCode::ACCEPTED, Json(find_run(&app.database, &id).await?)))
}
