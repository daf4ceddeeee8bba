//! Progress on its way into the database: every step is kept, written a few times a second.

use std::time::Duration;

use belfry_learning::protocol::Message;
use sqlx::AssertSqlSafe;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::queue::Claim;
use crate::database::{Database, bounds};
use crate::error::Result;
use crate::events::training::{StepsDone, WorkFailed};
use crate::state::App;

/// How often steps are written.
const INTERVAL: Duration = Duration::from_millis(200);

/// Steps written with one statement. PostgreSQL takes 65 535 parameters, SQLite 32 766.
const BATCH: usize = 1000;

/// For how long the last steps are tried to be written.
const LAST_TRIES: u32 = 10;

/// One step.
#[derive(Clone, Copy)]
struct Step {
    iteration: i64,
    total: i64,
    train_loss: f64,
    valid_loss: Option<f64>,
}

/// Writes what comes from `steps` until its sender is gone. While the database is away a batch waits, and with it the
/// training process.
pub async fn record(app: &App, claim: &Claim, mut steps: mpsc::Receiver<Message>) {
    let mut waiting = Vec::with_capacity(BATCH);
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let full = waiting.len() >= BATCH;
        tokio::select! {
            message = steps.recv(), if !full => match message {
                Some(message) => waiting.extend(step(&message)),
                None => break,
            },
            _ = ticks.tick(), if !full && !waiting.is_empty() => write(app, claim, &mut waiting).await,
            () = std::future::ready(()), if full => {
                write(app, claim, &mut waiting).await;
                if waiting.len() >= BATCH {
                    tokio::time::sleep(INTERVAL).await;
                }
            }
        }
    }
    for _ in 0..LAST_TRIES {
        if waiting.is_empty() {
            return;
        }
        write(app, claim, &mut waiting).await;
        if !waiting.is_empty() {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

fn step(message: &Message) -> Option<Step> {
    let Message::Progress { iteration, total, train_loss, valid_loss } = *message else { return None };
    Some(Step {
        iteration: iteration.try_into().ok()?,
        total: total.try_into().ok()?,
        train_loss,
        // Infinite losses are no JSON and no harm: the model itself is checked.
        valid_loss: valid_loss.filter(|loss| loss.is_finite()),
    })
}

/// Writes all that waits; on an error it goes on waiting.
async fn write(app: &App, claim: &Claim, waiting: &mut Vec<Step>) {
    match bounds::for_work(insert(&app.database, claim, waiting)).await {
        Ok(written) => {
            StepsDone { algorithm: claim.algorithm.as_str(), count: written }.emit();
            waiting.clear();
            app.wakers.run_changed(&claim.run_id);
        }
        Err(error) => WorkFailed { what: "progress could not be written", cause: &error }.emit(),
    }
}

/// Inserts steps, unless the run was taken from its worker: then another attempt's steps are there.
async fn insert(database: &Database, claim: &Claim, steps: &[Step]) -> Result<u64> {
    let mut sql = "INSERT INTO run_progress (run_id, iteration, total, train_loss, valid_loss) \
                   SELECT r.id, s.column1, s.column2, s.column3, s.column4 FROM runs r, (VALUES "
        .to_owned();
    for index in 0..steps.len() {
        let first = 3 + 4 * index;
        let comma = if index == 0 { "" } else { ", " };
        sql.push_str(&format!("{comma}(${first}, ${}, ${}, ${})", first + 1, first + 2, first + 3));
    }
    sql.push_str(
        ") AS s WHERE r.id = $1 AND r.worker_id = $2 AND r.status = 'running' ON CONFLICT (run_id, iteration) DO NOTHING",
    );
    // Each number of steps is another statement; a thousand of them are not worth keeping.
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(&claim.run_id).bind(&claim.worker_id);
    for step in steps {
        query = query.bind(step.iteration).bind(step.total).bind(step.train_loss).bind(step.valid_loss);
    }
    Ok(query.execute(&database.pool).await?.rows_affected())
}
