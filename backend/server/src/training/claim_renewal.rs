//! Holding a claim while its run is trained: the lease is renewed, and stop requests are passed on.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::stop_request::StopRequest;
use super::store::claims::{self, Claim, ClaimState};
use crate::database::bounds;
use crate::events::training::log_background_failure;
use crate::state::App;

/// How often a run's row is read, so that a cancel takes effect within a second, whichever process received it.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Renews a claim and sends stop requests. Returns when the claim was lost. At a shutdown, stopping the run and
/// handing it back may take `ShutdownTimes::hand_back` together.
pub async fn renew_until_lost(app: &App, claim: &Claim, stop: &watch::Sender<Option<StopRequest>>) {
    let lease = app.config.training.lease;
    let mut ticks = tokio::time::interval(CHECK_INTERVAL.min(lease / 3));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut renew_at = Instant::now() + lease / 3;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.shutdown.hand_back.cancelled(), if stop.borrow().is_none() => {
                // The other half is for putting the run back into the queue.
                stop.send_replace(Some(StopRequest::Shutdown(app.shutdown.times.hand_back / 2)));
            }
        }
        let renewal_due = Instant::now() >= renew_at;
        let state = async {
            if renewal_due {
                claims::renew_claim(&app.database, claim, lease).await
            } else {
                claims::check_claim(&app.database, claim).await
            }
        };
        match bounds::with_timeout(lease / 3, state).await {
            Ok(ClaimState::Lost) => return,
            Ok(state) => {
                if renewal_due {
                    renew_at = Instant::now() + lease / 3;
                }
                if state == ClaimState::CancelRequested && stop.borrow().is_none() {
                    stop.send_replace(Some(StopRequest::Cancel));
                }
            }
            // While the database is away nobody else can claim the run either; the next write shows whose it is.
            Err(error) => log_background_failure("renewing a claim failed", &error),
        }
    }
}
