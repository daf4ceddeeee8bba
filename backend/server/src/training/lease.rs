//! Keeping a claim: the lease is extended while a run is trained, and the row is watched for a wish to cancel.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::child::Ask;
use super::queue::{self, Claim, Hold};
use crate::database::bounds;
use crate::events::training::WorkFailed;
use crate::state::App;

/// How often a run's row is read, so that a cancel, by whichever process it came, is obeyed within a second.
const LOOK: Duration = Duration::from_millis(500);

/// Keeps a claim and passes on wishes to stop. Returns when the run was taken away.
pub async fn keep(app: &App, claim: &Claim, ask: &watch::Sender<Option<Ask>>) {
    let lease = app.config.training.lease;
    let mut ticks = tokio::time::interval(LOOK.min(lease / 3));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut extend_at = Instant::now() + lease / 3;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.shutdown.hand_back.cancelled(), if ask.borrow().is_none() => {
                // The other half is for the run's way back into the queue.
                ask.send_replace(Some(Ask::Stop(app.shutdown.times.hand_back / 2)));
            }
        }
        let due = Instant::now() >= extend_at;
        let hold = async {
            if due { queue::extend(&app.database, claim, lease).await } else { queue::look(&app.database, claim).await }
        };
        match bounds::within(lease / 3, hold).await {
            Ok(Hold::Lost) => return,
            Ok(hold) => {
                if due {
                    extend_at = Instant::now() + lease / 3;
                }
                if hold == Hold::CancelRequested && ask.borrow().is_none() {
                    ask.send_replace(Some(Ask::Cancel));
                }
            }
            // While the database is away nobody else can take the run either; the next write will tell.
            Err(error) => WorkFailed { what: "a run's lease could not be kept", cause: &error }.emit(),
        }
    }
}
