//! Recording progress: every step is stored, in batches a few times a second.

use std::time::Duration;

use belfry_learning::protocol::Message;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::run::Progress;
use super::store::claims::Claim;
use super::store::progress::{MAX_STEPS, insert_steps};
use crate::database::bounds;
use crate::events::training::{StepsRecorded, log_background_failure};
use crate::state::App;

/// How often steps are written.
const INTERVAL: Duration = Duration::from_millis(200);

/// How often writing the last steps is tried.
const LAST_TRIES: u32 = 10;

/// Writes the steps that come from `steps` until its sender is gone. While the database is away a batch waits, and with it
/// the training process.
pub async fn record_progress(app: &App, claim: &Claim, mut steps: mpsc::Receiver<Message>) {
    let mut waiting = Vec::with_capacity(MAX_STEPS);
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let full = waiting.len() >= MAX_STEPS;
        tokio::select! {
            message = steps.recv(), if !full => match message {
                Some(message) => waiting.extend(progress_in(&message)),
                None => break,
            },
            _ = ticks.tick(), if !full && !waiting.is_empty() => write_steps(app, claim, &mut waiting).await,
            () = std::future::ready(()), if full => {
                write_steps(app, claim, &mut waiting).await;
                if waiting.len() >= MAX_STEPS {
                    tokio::time::sleep(INTERVAL).await;
                }
            }
        }
    }
    for _ in 0..LAST_TRIES {
        if waiting.is_empty() {
            return;
        }
        write_steps(app, claim, &mut waiting).await;
        if !waiting.is_empty() {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

fn progress_in(message: &Message) -> Option<Progress> {
    let Message::Progress { iteration, total, train_loss, valid_loss } = *message else { return None };
    Some(Progress {
        iteration: iteration.try_into().ok()?,
        total: total.try_into().ok()?,
        train_loss,
        // An infinite loss cannot be JSON, and does no harm: the model itself is checked.
        valid_loss: valid_loss.filter(|loss| loss.is_finite()),
    })
}

/// Writes all waiting steps; after an error they go on waiting.
async fn write_steps(app: &App, claim: &Claim, waiting: &mut Vec<Progress>) {
    match bounds::with_background_timeout(insert_steps(&app.database, claim, waiting)).await {
        Ok(written) => {
            StepsRecorded { algorithm: claim.spec.algorithm, count: written }.emit();
            waiting.clear();
            app.run_notifications.notify_changed(&claim.run_id);
        }
        Err(error) => log_background_failure("recording progress failed", &error),
    }
}
