//! A reservation from when it is made to its end: settled, taken back, or dropped.

use std::sync::Arc;
use std::time::Duration;

use belfry_ledger::{PicoDollars, Report};

use super::cost::{Asked, cost_of};
use super::rows::{self, End};
use super::{Ledger, PlannedCall, new_id};
use crate::error::{Error, Result, chain};
use crate::events::ai_ledger::CallSettled;
use crate::labels::AiOutcome;
use crate::retry::retry_until_written;

/// How long it is tried to write how a call has ended. The row counts with its worst case meanwhile, and thereafter.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

/// The right to make one call, for which its worst case is reserved.
///
/// Dropped without having been settled, as when the client goes away, the call counts as `cancelled`; it may have been
/// billed, so that its worst case counts.
pub struct Reservation {
    ledger: Arc<Ledger>,
    /// Of its row.
    pub id: String,
    pub(super) call: PlannedCall,
    pub(super) worst_case: Option<PicoDollars>,
    pub(super) reserved_at: i64,
    on_drop: OnDrop,
}

/// What becomes of a reservation that is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    /// It was not made for certain, so the call was not made: taken back.
    TakeBack,
    /// The call may have been made.
    Cancel,
    /// Nothing: it has ended.
    Nothing,
}

/// How a call has ended.
#[derive(Clone, Debug)]
pub struct FinishedCall {
    /// How.
    pub outcome: AiOutcome,
    /// What the provider says was used, if it answered.
    pub report: Option<Report>,
    /// From the request's first byte to the response's last.
    pub latency: Duration,
}

impl Reservation {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        call: PlannedCall,
        worst_case: Option<PicoDollars>,
        reserved_at: i64,
    ) -> Self {
        Self { ledger, id: new_id(), call, worst_case, reserved_at, on_drop: OnDrop::TakeBack }
    }

    /// Its row is there.
    pub(super) fn made(mut self) -> Self {
        self.on_drop = OnDrop::Cancel;
        self
    }

    /// Its row is not there.
    pub(super) fn was_refused(mut self) {
        self.on_drop = OnDrop::Nothing;
    }

    /// Writes how the call has ended and what it costs. The writing goes on if the caller goes away; while the database is away
    /// it is tried again. If that fails for a minute, the row keeps the worst case, and expires as `unknown`.
    pub async fn settle(mut self, finished: FinishedCall) {
        self.on_drop = OnDrop::Nothing;
        let _ = tokio::spawn(self.end(finished)).await;
    }

    /// Gives back what was reserved for a call that is not made after all.
    pub async fn release(mut self) {
        self.on_drop = OnDrop::Nothing;
        let _ = tokio::spawn(self.take_back()).await;
    }

    /// The writing of what the call costs.
    fn end(&self, finished: FinishedCall) -> impl Future<Output = ()> + Send + use<> {
        let FinishedCall { outcome, report, latency } = finished;
        let asked = Asked {
            model: &self.call.model,
            provider: self.call.provider.as_deref(),
            at: jiff::Timestamp::from_microsecond(self.reserved_at).unwrap_or_default(),
            worst_case: self.worst_case,
        };
        let cost = cost_of(&self.ledger.prices, asked, outcome, report.as_ref());
        let (ledger, id, call, worst_case) = (self.ledger.clone(), self.id.clone(), self.call.clone(), self.worst_case);
        async move {
            let end = End { cost: &cost, report: report.as_ref(), latency };
            let written = write(&ledger, &id, &end).await;
            if let Err(error) = written {
                tracing::error!(
                    id,
                    cause = chain(&error),
                    "end of an AI call not recorded: its worst case stays counted"
                );
                return;
            }
            CallSettled {
                id: &id,
                operation: call.operation,
                model: &call.model,
                outcome: cost.outcome,
                pricing: cost.pricing,
                usage: cost.usage,
                cost: cost.cost,
                worst_case,
                latency,
            }
            .emit();
        }
    }

    /// The writing of an end without a call, which costs nothing.
    fn take_back(&self) -> impl Future<Output = ()> + Send + use<> {
        let (ledger, id) = (self.ledger.clone(), self.id.clone());
        async move {
            let given_up = |_: &Error, elapsed: Duration| elapsed >= WRITE_PATIENCE;
            let write = || async { rows::take_back(&ledger.database, &id).await };
            if let Err(error) = retry_until_written("release of an AI reservation", given_up, write).await {
                tracing::error!(id, cause = chain(&error), "AI reservation not released: its worst case stays counted");
            }
        }
    }
}

async fn write(ledger: &Ledger, id: &str, end: &End<'_>) -> Result<()> {
    let given_up = |_: &Error, elapsed: Duration| elapsed >= WRITE_PATIENCE;
    retry_until_written("end of an AI call", given_up, || async { rows::end(&ledger.database, id, end).await }).await
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Without a runtime the process is about to end, and the row expires.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        match self.on_drop {
            OnDrop::Nothing => {}
            OnDrop::TakeBack => drop(runtime.spawn(self.take_back())),
            OnDrop::Cancel => {
                let since = crate::database::now_micros().saturating_sub(self.reserved_at);
                let latency = Duration::from_micros(u64::try_from(since).unwrap_or(0));
                let cancelled = FinishedCall { outcome: AiOutcome::Cancelled, report: None, latency };
                drop(runtime.spawn(self.end(cancelled)));
            }
        }
    }
}
