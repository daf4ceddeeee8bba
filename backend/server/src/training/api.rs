//! List, show and cancel runs.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belfry_learning::outcome::Outcome;

use super::queue::{self, Cancelled};
use super::run::{self, Filter, Run};
use crate::error::{Error, Result};
use crate::events::training::RunFinished;
use crate::request::{Json, Page, Query};
use crate::state::Shared;

/// Lists runs.
pub async fn list(State(app): State<Shared>, Query(filter): Query<Filter>) -> Result<Json<Page<Run>>> {
    let limit = Page::<Run>::limit(filter.limit)?;
    if filter.cursor.as_deref().is_some_and(|cursor| run::parse_id(cursor, "page").is_err()) {
        return Err(Page::<Run>::invalid_cursor());
    }
    if filter.dataset_id.as_deref().is_some_and(|dataset_id| run::parse_id(dataset_id, "dataset").is_err()) {
        return Ok(Json(Page::of(Vec::new(), limit, |run: &Run| run.id.clone())));
    }
    let found = run::list(&app.database, &filter, limit + 1).await?;
    Ok(Json(Page::of(found, limit, |last| last.id.clone())))
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
