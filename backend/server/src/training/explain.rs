//! `POST /api/v1/runs/{id}/explain`: a short text about a completed run, by a language model.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Extensions;
use belfry_learning::model::{FeatureKind, Model};
use serde_json::{Map, Value, json};

use super::predict::read_model;
use super::run::Run;
use super::store::listing::find_run;
use crate::ai::caller::user_id;
use crate::ai::prompt::Prompt;
use crate::ai::quoting::{quoted, quoted_value};
use crate::ai::subject::{Subject, SubjectKind};
use crate::ai::{TextAnswer, TextOptions, TextRequest};
use crate::database::bounds;
use crate::error::Result;
use crate::request::{Json, Query};
use crate::state::{App, Shared};

/// The columns that are named, the most important ones, and as many of those that were not learned from.
const MAX_COLUMNS: usize = 20;

/// The names of classes that are given.
const MAX_CLASSES: usize = 20;

const INSTRUCTIONS: &str = "You explain a trained model to the person who trained it, who knows the table well and statistics \
little. Say in plain words how good the model is, by its scores on rows that it was not trained on; on which columns it relies \
most; and what to be careful about.";

/// Explains a completed run, or repeats the explanation that is stored with it.
pub async fn explain(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(TextOptions { again }): Query<TextOptions>,
    extensions: Extensions,
) -> Result<Json<TextAnswer>> {
    app.ai.require_enabled()?;
    let run = bounds::with_request_timeout(find_run(&app.database, &id)).await?;
    run.stored_model()?;
    let subject = Subject { kind: SubjectKind::Run, id: run.id.clone() };
    let request = TextRequest { subject, user_id: user_id(&extensions), again };
    let ai = app.ai.clone();
    ai.text(request, async move { prompt(&app, &run).await }).await.map(Json)
}

async fn prompt(app: &App, run: &Run) -> Result<Prompt> {
    let (key, file) = run.stored_model()?;
    let file_bytes = u64::try_from(file.size_bytes).unwrap_or(u64::MAX);
    let model = app.model_cache.get_or_load(&run.id, file_bytes, read_model(app, key, file_bytes)).await?;
    Ok(Prompt::new(INSTRUCTIONS, &data(run, &model, app.ai.share_samples)))
}

/// What the model is told of the run: numbers, and names that are quoted.
fn data(run: &Run, model: &Arc<Model>, share_samples: bool) -> Value {
    let params = run.spec.params.as_object().into_iter().flatten();
    let params: Map<String, Value> = params.map(|(name, value)| (quoted(name), quoted_value(value))).collect();
    let mut data = json!({
        "algorithm": model.algorithm().name(),
        "task": model.task(),
        "target_column": quoted(model.target()),
        "parameters": params,
        "scores_on_held_out_rows": run.scores,
        "columns_learned_from": model.features().len(),
    });
    if let Some(report) = &run.report {
        let summary = &report.summary;
        let dropped = summary.dropped_columns.iter().take(MAX_COLUMNS);
        data["rows_learned_from"] = summary.rows_train.into();
        data["rows_held_out"] = summary.rows_test.into();
        data["rows_without_target"] = summary.rows_without_target.into();
        data["steps"] = summary.iterations.into();
        data["columns_left_out"] = summary.dropped_columns.len().into();
        data["some_columns_left_out"] =
            dropped.map(|column| json!({ "name": quoted(&column.name), "reason": column.reason })).collect();
    }
    if !model.classes().is_empty() {
        data["classes"] = model.classes().len().into();
        if share_samples {
            data["names_of_classes"] = model.classes().iter().take(MAX_CLASSES).map(quoted_value).collect();
        }
    }
    let (measure, importances) = model.importances();
    let mut columns: Vec<_> = model.features().iter().zip(importances).collect();
    columns.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    data["importance_is"] = measure.name().into();
    data["most_important_columns"] = columns
        .iter()
        .take(MAX_COLUMNS)
        .map(|(feature, importance)| {
            let kind = match feature.kind() {
                FeatureKind::Number => "number",
                FeatureKind::Boolean => "boolean",
                FeatureKind::Text { .. } => "text",
            };
            json!({ "name": quoted(feature.name()), "type": kind, "importance": (importance * 1e3).round() / 1e3 })
        })
        .collect();
    data
}
