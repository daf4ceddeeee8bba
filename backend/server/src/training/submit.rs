//! `POST /api/v1/runs`: checks everything that can be known before the data is read, then queues the run.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::error::TrainError;
use belfry_learning::params::{ParamError, Params};
use belfry_learning::profile::{Column, ColumnKind};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::queue::{self, NewRun};
use super::run::{self, Run};
use crate::database::bounds;
use crate::datasets::rows::{self, Dataset};
use crate::error::{Error, Result};
use crate::events::training::RunQueued;
use crate::request::Json;
use crate::state::{App, Shared};

const DEFAULT_SEED: u64 = 42;
const DEFAULT_TEST_FRACTION: f64 = 0.25;
const TEST_FRACTIONS: std::ops::RangeInclusive<f64> = 0.05..=0.5;

/// Column names shown in an error; a table may have thousands.
const COLUMNS_SHOWN: usize = 100;

/// What a client asks for.
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
    let run = bounds::for_answer(queue_run(&app, submission)).await?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, format!("/api/v1/runs/{}", run.id))], Json(run)))
}

async fn queue_run(app: &App, submission: Submission) -> Result<Run> {
    let dataset_id = run::parse_id(&submission.dataset_id, "dataset")?;
    let dataset = find_dataset(app, &dataset_id).await?;
    let new =
        NewRun { id: Uuid::now_v7().to_string(), dataset_id, ..check(submission, app.config.training.allow_fake)? };
    check_target(&new, &dataset.columns)?;
    let (found, max) = (dataset.rows.unsigned_abs(), app.config.training.max_rows);
    if found > max {
        return Err(refused(&TrainError::TooManyRows { found, max }));
    }

    if !queue::insert(&app.database, &new, app.config.training.max_queued).await? {
        // Either it went away meanwhile, or there was no room.
        find_dataset(app, &new.dataset_id).await?;
        return Err(Error::Busy(format!("{} runs wait already", app.config.training.max_queued)));
    }
    RunQueued { run_id: &new.id, dataset_id: &new.dataset_id, algorithm: new.algorithm.as_str() }.emit();
    app.wakers.run_queued();
    queue::emit_depth(&app.database).await;
    run::find(&app.database, &new.id).await
}

async fn find_dataset(app: &App, id: &str) -> Result<Dataset> {
    let stored = rows::find(&app.database, id).await?.ok_or(Error::NotFound("dataset"))?;
    Ok(stored.dataset)
}

/// Checks what does not depend on the dataset.
fn check(submission: Submission, allow_fake: bool) -> Result<NewRun> {
    let name = submission.algorithm.as_deref().unwrap_or(Algorithm::default().as_str());
    let algorithm = Algorithm::parse(name, allow_fake).map_err(|error| {
        let known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
        invalid("unknown_algorithm", error.to_string(), [("found", json!(name)), ("expected", json!(known))])
    })?;
    let task = submission.task.as_deref().map(str::parse::<Task>).transpose().map_err(|error| {
        let known = Task::ALL.map(Task::as_str);
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
    Ok(NewRun {
        id: String::new(),
        dataset_id: String::new(),
        target: submission.target,
        algorithm,
        task,
        params: params.to_json(),
        seed,
        test_fraction,
    })
}

/// Checks that the target is a column and fits the task, as far as its type tells.
fn check_target(new: &NewRun, columns: &[Column]) -> Result<()> {
    let Some(column) = columns.iter().find(|column| column.name == new.target) else {
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).take(COLUMNS_SHOWN).collect();
        let detail = format!("the dataset has no column `{}`, expected one of {}", new.target, names.join(", "));
        return Err(invalid("unknown_target", detail, [("found", json!(new.target)), ("expected", json!(names))]));
    };
    if column.kind == ColumnKind::Empty {
        return Err(refused(&TrainError::TargetEmpty(new.target.clone())));
    }
    if column.kind == ColumnKind::Text && new.task == Some(Task::Regression) {
        return Err(refused(&TrainError::TargetNotNumeric(new.target.clone())));
    }
    // A number may be meant as a class or as an amount; which one, only its values tell.
    let task = new.task.or((column.kind != ColumnKind::Number).then_some(Task::Classification));
    match task {
        Some(task) if !new.algorithm.supports(task) => {
            let target = new.target.clone();
            Err(refused(&TrainError::TaskUnsupported { algorithm: new.algorithm, task, target }))
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
    let extras = [("parameter", json!(parameter)), ("found", json!(found.to_string())), ("expected", json!(expected))];
    invalid("invalid_parameter", format!("`{parameter}` is {found}, expected {expected}"), extras)
}

/// 422 with these details.
pub fn invalid<const N: usize>(code: &'static str, detail: String, extras: [(&str, Value); N]) -> Error {
    let extras = extras.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>();
    Error::Invalid { code, detail, extras }
}
