//! A worker: claims a run, trains it while it keeps the claim, has its end written, and looks for the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belfry_learning::outcome::{Outcome, classify};
use belfry_learning::protocol::{Message, Spec};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::beats::BEAT;
use super::child::{self, Ask, asked_for};
use super::lease::keep;
use super::progress;
use super::queue::{self, Claim};
use super::settle::{Attempt, Ending, abandon, settle};
use super::workplace::{RunFolder, Workplace};
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::events::training::{ChildFailed, RunStarted, WorkFailed, WorkerPanicked, run_under_way, worker_up};
use crate::state::{App, Shared};

/// How often a worker looks for runs queued by other processes.
const POLL: Duration = Duration::from_secs(1);

/// How long a worker waits when the database is away.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

/// Steps on their way from the training process to the database.
const STEPS_UNDER_WAY: usize = 256;

/// Codes by which a training process tells of a failure that is ours, not the data's.
const OUR_FAILURES: &[&str] = &["bad_spec", "sandbox", "dataset_unreadable", "model_unwritable"];

/// Trains one run after the other until the process stops, as worker `number` of this process.
pub async fn work(app: Shared, workplace: Arc<Workplace>, number: usize) {
    let _up = worker_up();
    while !app.shutdown.stopping.is_cancelled() {
        app.beats.beat(number);
        let claimed = queue::claim(&app.database, &workplace.instance, app.config.training.lease);
        let pause = match bounds::for_work(claimed).await {
            Ok(Some(claim)) => {
                // There may be more for another worker.
                app.wakers.run_queued();
                let training = tokio::spawn(train_claimed(app.clone(), workplace.clone(), claim.clone()));
                app.beats.busy(number);
                // A bug in here must not take the worker along; the lease will free the run.
                if alive_until(&app, number, AbortOnDropHandle::new(training)).await.is_err_and(|end| end.is_panic()) {
                    WorkerPanicked { run_id: &claim.run_id }.emit();
                }
                app.beats.idle(number);
                continue;
            }
            Ok(None) => POLL,
            Err(error) => {
                WorkFailed { what: "no run could be claimed", cause: &error }.emit();
                ERROR_PAUSE
            }
        };
        tokio::select! {
            () = app.shutdown.stopping.cancelled() => {}
            () = app.wakers.queued() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits and shows that the worker lives meanwhile.
async fn alive_until<F: Future + Unpin>(app: &App, number: usize, mut work: F) -> F::Output {
    let mut beats = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = beats.tick() => app.beats.beat(number),
        }
    }
}

/// One attempt at a run, to its end in the database.
async fn train_claimed(app: Shared, workplace: Arc<Workplace>, claim: Claim) {
    let started = Instant::now();
    let _under_way = run_under_way();
    RunStarted {
        run_id: &claim.run_id,
        algorithm: claim.algorithm.as_str(),
        attempt: claim.attempt,
        waited: Duration::from_micros((claim.started_at - claim.created_at).try_into().unwrap_or(0)),
    }
    .emit();
    app.wakers.run_changed(&claim.run_id);
    queue::emit_depth(&app.database).await;

    // One key an attempt, so that one that lost its claim cannot overwrite its successor's model.
    let model_key = format!("models/{}-{}", claim.run_id, claim.attempt);
    let (ask, asked) = watch::channel(None);
    let attempt = tokio::select! {
        attempt = attempt(&app, &workplace, &claim, asked, &model_key) => Some(attempt),
        () = keep(&app, &claim, &ask) => None,
    };
    match attempt {
        Some(attempt) => {
            let attempt = attempt.unwrap_or_else(Attempt::Hindered);
            settle(&app, &claim, attempt, started.elapsed()).await;
        }
        None => abandon(&app, &claim, Some(&model_key)).await,
    }
    app.wakers.run_changed(&claim.run_id);
    queue::emit_depth(&app.database).await;
}

async fn attempt(
    app: &App,
    workplace: &Workplace,
    claim: &Claim,
    mut asked: watch::Receiver<Option<Ask>>,
    model_key: &str,
) -> Result<Attempt> {
    let folder = workplace.folder_for(&claim.run_id).await?;
    let prepared = tokio::select! {
        prepared = prepare(app, claim, &folder) => prepared?,
        reason = asked_for(&mut asked) => return Ok(stopped(reason)),
    };
    let Some(spec) = prepared else {
        let message = "the dataset was removed before the run began".to_owned();
        return Ok(Attempt::Ended(Ending::refused(Outcome::Failed, "dataset_gone".to_owned(), message)));
    };
    let spec_path = folder.file("spec.json");
    let text = serde_json::to_vec(&spec).map_err(|error| Error::Internal(error.into()))?;
    tokio::fs::write(&spec_path, text).await?;

    let (sender, steps) = mpsc::channel(STEPS_UNDER_WAY);
    let (ended, ()) = tokio::join!(
        child::run(&spec_path, app.config.training.timeout, asked, sender),
        progress::record(app, claim, steps)
    );
    let ended = ended?;
    let stop = ended.asked.is_some() || ended.timed_out;
    let outcome = classify(ended.last.as_ref(), ended.exit, &ended.stderr_tail, stop, ended.timed_out);
    if !matches!(outcome, Outcome::Completed | Outcome::Failed | Outcome::Cancelled) {
        ChildFailed { run_id: &claim.run_id, outcome, exit: ended.exit, stderr_tail: &ended.stderr_tail }.emit();
    }
    match (outcome, ended.last) {
        (Outcome::Completed, Some(Message::Finished(report))) => {
            app.storage.put_file(model_key, &spec.model_path).await?;
            let model_key = Some(model_key.to_owned());
            Ok(Attempt::Ended(Ending { outcome, error: None, report: Some(report), model_key }))
        }
        (Outcome::Failed, Some(Message::Failed { code, message })) => {
            if OUR_FAILURES.contains(&code.as_str()) {
                return Err(Error::Internal(anyhow::anyhow!("{code}: {message}: {}", ended.stderr_tail.trim())));
            }
            Ok(Attempt::Ended(Ending::refused(outcome, code, message)))
        }
        (Outcome::Cancelled, _) => Ok(stopped(ended.asked.unwrap_or(Ask::Cancel))),
        // A service manager tells all processes to stop at once, and some children hear it before the server does.
        (Outcome::Interrupted, _) if app.shutdown.stopping.is_cancelled() => Ok(Attempt::Stopped),
        (Outcome::Interrupted, _) => Ok(Attempt::Interrupted),
        _ => Ok(Attempt::Ended(Ending::without_model(outcome))),
    }
}

fn stopped(reason: Ask) -> Attempt {
    match reason {
        Ask::Cancel => Attempt::Ended(Ending::without_model(Outcome::Cancelled)),
        Ask::Stop(_) => Attempt::Stopped,
    }
}

/// Brings the dataset to this machine; `None` when it is gone.
async fn prepare(app: &App, claim: &Claim, folder: &RunFolder) -> Result<Option<Spec>> {
    let Some(source) = bounds::for_work(queue::source(&app.database, &claim.dataset_id)).await? else {
        return Ok(None);
    };
    let dataset_path = match app.storage.local_path(&source.storage_key) {
        Some(path) => path,
        None => {
            let path = folder.file("dataset");
            app.storage.fetch_to_file(&source.storage_key, &path).await?;
            path
        }
    };
    let training = &app.config.training;
    Ok(Some(Spec {
        run_id: claim.run_id.clone(),
        dataset_path,
        gzip: source.gzip,
        target: claim.target.clone(),
        algorithm: claim.algorithm,
        task: claim.task,
        params: claim.params.clone(),
        seed: claim.seed,
        test_fraction: claim.test_fraction,
        model_path: folder.file("model.json"),
        max_rows: training.max_rows,
        memory_limit_bytes: training.memory_limit,
        deadline_seconds: training.timeout.as_secs_f64(),
    }))
}
