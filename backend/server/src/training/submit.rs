//! `POST /api/v1/runs`: checks everything that can be known before the data is read, then queues the run.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::error::TrainError;
use belfry_learning::excerpt::excerpt;
use belfry_learning::params::{ParamError, Params};
use belfry_learning::profile::{Column, ColumnKind};
use belfry_learning::protocol::{RunSpec, TEST_FRACTIONS};
use serde::Deserialize;
use serde_json::{Value, json};
use strum::VariantNames;
use uuid::Uuid;

use super::queue_depth::refresh_queue_depth;
use super::refusal::invalid;
use super::run::{Run, parse_id};
use super::store::listing::find_run;
use super::store::queue::{NewRun, insert_run};
use crate::database::bounds;
use crate::datasets::rows::{self, Dataset};
use crate::error::{Error, Result};
use crate::events::training::RunQueued;
use crate::labels::RequestRefusal;
use crate::request::Json;
use crate::state::{App, Shared};

const DEFAULT_SEED: u64 = 42;
const DEFAULT_TEST_FRACTION: f64 = 0.25;

/// Most column names in an error message; a table may have thousands.
const MAX_COLUMNS_SHOWN: usize = 100;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    dataset_id: String,
    target: String,
    algorithm: Option<String>,
    task: Option<String>,
    #[serde(default)]
    params: Value,
    seed: Option<Value>,
    test_fraction: Option<Value>,
}

/// Queues a run.
pub async fn submit(
    State(app): State<Shared>,
    Json(submission): Json<Submission>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Run>)> {
    let run = bounds::with_request_timeout(queue_run(&app, submission)).await?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, format!("/api/v1/runs/{}", run.id))], Json(run)))
}

async fn queue_run(app: &App, submission: Submission) -> Result<Run> {
    let dataset_id = parse_id(&submission.dataset_id, "dataset")?;
    let dataset = find_dataset(app, &dataset_id).await?;
    let spec = check_submission(submission, dataset_id, app.config.training.allow_fake)?;
    check_target(&spec, &dataset.columns)?;
    let (found, max) = (dataset.rows.unsigned_abs(), app.config.training.max_rows);
    if found > max {
        return Err(refused(&TrainError::TooManyRows { found, max }));
    }

    let new = NewRun { id: Uuid::now_v7().to_string(), spec };
    if !insert_run(&app.database, &new, app.config.training.max_queued).await? {
        // Either the dataset was removed meanwhile, or the queue is full.
        find_dataset(app, &new.spec.dataset_id).await?;
        let detail = format!("the queue is full ({} runs)", app.config.training.max_queued);
        return Err(Error::LimitReached { reason: RequestRefusal::MaxQueued, detail });
    }
    RunQueued { run_id: &new.id, dataset_id: &new.spec.dataset_id, algorithm: new.spec.algorithm }.emit();
    app.run_notifications.notify_queued();
    refresh_queue_depth(&app.database).await;
    find_run(&app.database, &new.id).await
}

async fn find_dataset(app: &App, id: &str) -> Result<Dataset> {
    let stored = rows::find(&app.database, id).await?.ok_or(Error::NotFound("dataset"))?;
    Ok(stored.dataset)
}

/// Checks what does not depend on the dataset.
fn check_submission(submission: Submission, dataset_id: String, allow_fake: bool) -> Result<RunSpec> {
    let name = submission.algorithm.as_deref().unwrap_or(Algorithm::default().name());
    let algorithm = Algorithm::parse(name, allow_fake).map_err(|error| {
        let known = Algorithm::ALL.map(Algorithm::name);
        invalid("unknown_algorithm", error.to_string(), [("found", json!(error.found)), ("expected", json!(known))])
    })?;
    let task = submission.task.as_deref().map(str::parse::<Task>).transpose().map_err(|error| {
        let known = Task::VARIANTS;
        invalid("unknown_task", error.to_string(), [("found", json!(error.found)), ("expected", json!(known))])
    })?;
    let params = Params::parse(algorithm, &submission.params).map_err(|error| invalid_params(&error))?;
    let seed = match submission.seed {
        None => DEFAULT_SEED,
        // The database's integers are signed.
        Some(seed) => seed
            .as_u64()
            .filter(|seed| i64::try_from(*seed).is_ok())
            .ok_or_else(|| invalid_parameter("seed", &seed, "a whole number from 0 to 9223372036854775807"))?,
    };
    let test_fraction = match submission.test_fraction {
        None => DEFAULT_TEST_FRACTION,
        Some(fraction) => fraction
            .as_f64()
            .filter(|fraction| TEST_FRACTIONS.contains(fraction))
            .ok_or_else(|| invalid_parameter("test_fraction", &fraction, "a number from 0.05 to 0.5"))?,
    };
    Ok(RunSpec {
        dataset_id,
        target: submission.target,
        algorithm,
        task,
        params: params.to_json(),
        seed,
        test_fraction,
    })
}

/// Checks that the target is a column and fits the task, as far as its type shows.
fn check_target(spec: &RunSpec, columns: &[Column]) -> Result<()> {
    let Some(column) = columns.iter().find(|column| column.name == spec.target) else {
        let names: Vec<_> = columns.iter().map(|column| excerpt(&column.name)).take(MAX_COLUMNS_SHOWN).collect();
        let found = excerpt(&spec.target);
        let detail = format!("the dataset has no column `{found}`, expected one of {}", names.join(", "));
        return Err(invalid("unknown_target", detail, [("found", json!(found)), ("expected", json!(names))]));
    };
    if column.kind == ColumnKind::Empty {
        return Err(refused(&TrainError::TargetEmpty(spec.target.clone())));
    }
    if column.kind != ColumnKind::Number && spec.task == Some(Task::Regression) {
        return Err(refused(&TrainError::TargetNotNumeric(spec.target.clone())));
    }
    // Other numbers may be amounts, or classes of a dataset that was uploaded before classes were counted. Training, which reads
    // the values, decides.
    let are_classes = column.kind != ColumnKind::Number || column.classes.is_some();
    let task = spec.task.or(are_classes.then_some(Task::Classification));
    match task {
        Some(task) if !spec.algorithm.supports(task) => {
            let target = spec.target.clone();
            Err(refused(&TrainError::TaskUnsupported { algorithm: spec.algorithm, task, target }))
        }
        _ => Ok(()),
    }
}

/// The same refusal as training would give, only sooner.
fn refused(error: &TrainError) -> Error {
    Error::invalid(error.code(), error.to_string())
}

fn invalid_params(error: &ParamError) -> Error {
    let (found, expected) = error.found_and_expected();
    let parameter = error.parameter().unwrap_or("params");
    let extras = [("parameter", json!(parameter)), ("found", json!(found)), ("expected", json!(expected))];
    invalid("invalid_parameter", error.to_string(), extras)
}

fn invalid_parameter(parameter: &str, found: &Value, expected: &str) -> Error {
    let found = found.to_string();
    let found = excerpt(&found);
    let extras = [("parameter", json!(parameter)), ("found", json!(found)), ("expected", json!(expected))];
    invalid("invalid_parameter", format!("`{parameter}` is {found}, expected {expected}"), extras)
}
