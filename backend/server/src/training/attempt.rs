//! One attempt at a run: the dataset is prepared, a child process trains, its progress is recorded, its model stored.

use std::io;

use belfry_learning::error::{PROCESS_NOT_STARTED, is_server_failure};
use belfry_learning::outcome::{Outcome, classify};
use belfry_learning::protocol::{ChildSpec, Message};
use tokio::sync::{mpsc, watch};

use super::child::{ChildEnd, ChildError, run_child};
use super::progress::record_progress;
use super::run_end::{AttemptEnd, RunEnd};
use super::stop_request::{StopRequest, wait_for_stop_request};
use super::store::claims::Claim;
use super::store::listing::find_dataset_source;
use crate::components::instance::{FolderError, RunFolder};
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::ChildFailed;
use crate::state::App;

/// Steps of the training process that are not in the database yet.
const BUFFERED_STEPS: usize = 256;

/// Trains a claimed run once, until it ends or `stop` requests a stop.
pub async fn run_attempt(
    app: &App,
    claim: &Claim,
    stop: watch::Receiver<Option<StopRequest>>,
    model_key: &str,
) -> AttemptEnd {
    train(app, claim, stop, model_key).await.unwrap_or_else(|failure| match failure {
        Failure::NotStarted(error) => AttemptEnd::NotStarted(error),
        Failure::Other(error) => AttemptEnd::CouldNotRun(error),
    })
}

/// Why an attempt did not come to an end of its run.
enum Failure {
    /// The machine had no process or thread for it.
    NotStarted(io::Error),
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        Self::Other(error.into())
    }
}

impl Failure {
    fn of_folder(error: FolderError) -> Self {
        match error {
            FolderError::Thread(error) => Self::NotStarted(error),
            FolderError::Folder(error) => Self::Other(Error::folder("folder for work in progress")(error)),
        }
    }

    fn of_child(error: ChildError) -> Self {
        match error {
            ChildError::NotStarted(error) => Self::NotStarted(error),
            lost @ ChildError::Lost(_) => Self::Other(Error::Internal(lost.into())),
        }
    }
}

async fn train(
    app: &App,
    claim: &Claim,
    mut stop: watch::Receiver<Option<StopRequest>>,
    model_key: &str,
) -> Result<AttemptEnd, Failure> {
    let folder = app.instance.create_run_folder(&claim.run_id).await.map_err(Failure::of_folder)?;
    let prepared = tokio::select! {
        prepared = prepare(app, claim, &folder) => prepared?,
        request = wait_for_stop_request(&mut stop) => return Ok(stopped(request)),
    };
    let Some(spec) = prepared else {
        let message = "the dataset was removed before the run began".to_owned();
        return Ok(AttemptEnd::RunEnded(RunEnd::with_error(Outcome::Failed, "dataset_gone".to_owned(), message)));
    };
    let text = serde_json::to_vec(&spec).map_err(|error| Error::Internal(error.into()))?;
    let spec_path = folder.write("spec.json", text).await.map_err(Failure::of_folder)?;

    let (sender, steps) = mpsc::channel(BUFFERED_STEPS);
    let (child, ()) = tokio::join!(
        run_child(&spec_path, app.config.training.timeout, stop, sender),
        record_progress(app, claim, steps)
    );
    conclude(app, claim, &spec, child.map_err(Failure::of_child)?, model_key).await
}

/// What the end of the child process means for the attempt. Stores the model of a completed run.
async fn conclude(
    app: &App,
    claim: &Claim,
    spec: &ChildSpec,
    child: ChildEnd,
    model_key: &str,
) -> Result<AttemptEnd, Failure> {
    let stop_requested = child.stop_request.is_some() || child.timed_out;
    let outcome =
        classify(child.last_message.as_ref(), child.exit, &child.stderr_tail, stop_requested, child.timed_out);
    if !matches!(outcome, Outcome::Completed | Outcome::Failed | Outcome::Cancelled) {
        ChildFailed { run_id: &claim.run_id, outcome, exit: child.exit, stderr_tail: &child.stderr_tail }.emit();
    }
    match (outcome, child.last_message) {
        (Outcome::Completed, Some(Message::Finished(report))) => {
            app.storage.put_file(model_key, &spec.model_path).await?;
            let model_key = Some(model_key.to_owned());
            Ok(AttemptEnd::RunEnded(RunEnd { outcome, error: None, report: Some(report), model_key }))
        }
        (Outcome::Failed, Some(Message::Failed { code, message })) => {
            if code == PROCESS_NOT_STARTED {
                return Err(Failure::NotStarted(io::Error::other(message)));
            }
            if is_server_failure(&code) {
                let cause = anyhow::anyhow!("{code}: {message}: {}", child.stderr_tail.trim());
                return Err(Failure::Other(Error::Internal(cause)));
            }
            Ok(AttemptEnd::RunEnded(RunEnd::with_error(outcome, code, message)))
        }
        (Outcome::Cancelled, _) => Ok(stopped(child.stop_request.unwrap_or(StopRequest::Cancel))),
        // A service manager signals all processes at once, and some children receive it before the server does.
        (Outcome::Interrupted, _) if app.shutdown.stopping.is_cancelled() => Ok(AttemptEnd::Shutdown),
        (Outcome::Interrupted, _) => Ok(AttemptEnd::Interrupted),
        _ => Ok(AttemptEnd::RunEnded(RunEnd::without_model(outcome))),
    }
}

fn stopped(request: StopRequest) -> AttemptEnd {
    match request {
        StopRequest::Cancel => AttemptEnd::RunEnded(RunEnd::without_model(Outcome::Cancelled)),
        StopRequest::Shutdown(_) => AttemptEnd::Shutdown,
    }
}

/// Fetches the dataset to this machine; `None` when it was removed.
async fn prepare(app: &App, claim: &Claim, folder: &RunFolder) -> Result<Option<ChildSpec>> {
    let source = bounds::with_background_timeout(find_dataset_source(&app.database, &claim.spec.dataset_id)).await?;
    let Some(source) = source else { return Ok(None) };
    let dataset_path = match app.storage.local_path(&source.storage_key) {
        Some(path) => path,
        None => {
            let path = folder.file("dataset");
            app.storage.fetch_to_file(&source.storage_key, &path).await?;
            path
        }
    };
    let training = &app.config.training;
    Ok(Some(ChildSpec {
        run_id: claim.run_id.clone(),
        run: claim.spec.clone(),
        dataset_path,
        gzip: source.gzip,
        model_path: folder.file("model.json"),
        max_rows: training.max_rows,
        memory_limit_bytes: training.memory_limit,
        deadline_seconds: training.timeout.as_secs_f64(),
    }))
}
