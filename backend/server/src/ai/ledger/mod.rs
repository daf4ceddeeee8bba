//! The ledger: a row for each call to the AI provider, made before the call with the most that it may cost, so that no budget
//! is overdrawn however many calls are made at the same time, by however many servers, and whichever of them die.
//!
//! ```text
//! reserve ── worst case counts ──▶ settle ── cost counts, or the worst case while the cost is not known
//!                              └──▶ (process died) the row expires: outcome `unknown`, worst case counts
//! ```
//!
//! Reserving locks the one row of `ai_budget_lock`, sums up the rows of the period and inserts its own, in one transaction: so
//! no two servers sum up at the same time, and each sees what the others have reserved. Settling needs no lock, as it only
//! lowers what counts.

mod cost;
mod expiry;
mod reservation;
pub mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use belfry_ledger::{PicoDollars, Prices, Query};
use sqlx::AnyConnection;
use uuid::Uuid;

pub use reservation::{FinishedCall, Reservation};

use super::budget::{Budgets, Exceeded, Limit};
use crate::config::Config;
use crate::database::bounds::with_timeout;
use crate::database::{Database, micros, now_micros};
use crate::error::{Error, Result};
use crate::events::ai_ledger::BudgetExceeded;
use crate::labels::{AiOperation, BudgetMode, Pricing};
use rows::NewRow;

/// How long a reservation may take, with the wait for those that others make. The call that follows takes as long.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The ledger of one server. All servers on a database write the same one.
pub struct Ledger {
    /// The database.
    pub database: Database,
    /// What may be spent.
    pub budgets: Budgets,
    prices: Prices,
    reservation_ttl: Duration,
    /// Held while reserving, so that the calls of this process wait in turn and not by the retries of SQLite.
    reserving: tokio::sync::Mutex<()>,
}

/// A call that is about to be made. Each try is one.
#[derive(Clone, Debug)]
pub struct PlannedCall {
    /// What for.
    pub operation: AiOperation,
    /// The model that is asked for.
    pub model: String,
    /// Whose endpoint is asked, such as `openai`, if that is known: see [`Query::provider`].
    pub provider: Option<String>,
    /// On whose behalf. None: on the system's own.
    pub user_id: Option<String>,
    /// No fewer tokens than the prompt has.
    pub prompt_tokens_at_most: u64,
    /// The limit on tokens, thoughts included, that the request carries.
    pub max_output_tokens: u64,
}

impl Ledger {
    /// The ledger in this database, with the budgets of the settings.
    pub fn new(database: Database, config: &Config, prices: Prices) -> Arc<Self> {
        Arc::new(Self {
            database,
            budgets: Budgets::new(config),
            prices,
            reservation_ttl: config.ai.reservation_ttl,
            reserving: tokio::sync::Mutex::default(),
        })
    }

    /// Reserves the most that a call may cost. No call is made without.
    ///
    /// # Errors
    /// [`Error::BudgetExhausted`] when a hard budget has not as much left, `ai_call_exceeds_budget` when it never has;
    /// `ai_model_unpriced` for a model without a price under a hard budget; and those of the database.
    pub async fn reserve(self: &Arc<Self>, call: PlannedCall) -> Result<Reservation> {
        self.reserve_at(call, now_micros()).await
    }

    async fn reserve_at(self: &Arc<Self>, call: PlannedCall, now: i64) -> Result<Reservation> {
        let query = Query {
            model: &call.model,
            provider: call.provider.as_deref(),
            service_tier: None,
            at: jiff::Timestamp::from_microsecond(now).unwrap_or_default(),
        };
        let worst_case = self.prices.worst_case(&query, call.prompt_tokens_at_most, call.max_output_tokens);
        let limits = self.budgets.limits(call.user_id.is_some(), now);
        if worst_case.is_none() && self.budgets.are_enforced(&limits) {
            let detail = format!(
                "{} has no price, and without one a hard budget cannot be kept: add it to AI__PRICES_FILE",
                crate::request::shown(&call.model)
            );
            return Err(Error::Forbidden { code: "ai_model_unpriced", detail });
        }
        let reservation = Reservation::new(self.clone(), call, worst_case, now);
        let inserted = with_timeout(RESERVE_TIMEOUT, self.insert(&reservation, &limits)).await;
        match inserted {
            Ok(()) => Ok(reservation.made()),
            Err(error @ (Error::BudgetExhausted { .. } | Error::Forbidden { .. })) => {
                reservation.was_refused();
                Err(error)
            }
            // Dropped, it is taken back: the row may be there.
            Err(error) => Err(error),
        }
    }

    async fn insert(&self, reservation: &Reservation, limits: &[Limit]) -> Result<()> {
        let Reservation { id, call, worst_case, reserved_at, .. } = reservation;
        let row = NewRow {
            id,
            created_at: *reserved_at,
            expires_at: reserved_at.saturating_add(micros(self.reservation_ttl)),
            call,
            pricing: match worst_case {
                None => Pricing::Unpriced,
                Some(PicoDollars::ZERO) => Pricing::Free,
                Some(_) => Pricing::Priced,
            },
            worst_case: worst_case.unwrap_or_default(),
        };
        if self.budgets.are_enforced(limits) {
            let _turn = self.reserving.lock().await;
            let mut transaction = self.database.begin().await?;
            rows::lock(&mut transaction).await?;
            let exceeded = exceeded_limits(&mut transaction, limits, &row).await?;
            if let Some(refusal) = Exceeded::refusal(&exceeded) {
                transaction.rollback().await?;
                warn_of(&exceeded, BudgetMode::Hard, call);
                return Err(refusal);
            }
            rows::insert(&mut transaction, &row).await?;
            transaction.commit().await?;
        } else {
            let mut connection = self.database.pool.acquire().await?;
            // Two calls at the same time may both be within the budget here, and beyond it together: that is what soft means.
            let exceeded = exceeded_limits(&mut connection, limits, &row).await?;
            rows::insert(&mut connection, &row).await?;
            warn_of(&exceeded, BudgetMode::Soft, call);
        }
        Ok(())
    }
}

async fn exceeded_limits(connection: &mut AnyConnection, limits: &[Limit], row: &NewRow<'_>) -> Result<Vec<Exceeded>> {
    let mut exceeded = Vec::new();
    for limit in limits {
        let user_id = row.call.user_id.as_deref().filter(|_| limit.name.is_of_user());
        let sums = rows::sums_since(&mut *connection, limit.period.start, user_id).await?;
        exceeded.extend(limit.exceeded_by(row.worst_case, sums));
    }
    Ok(exceeded)
}

fn warn_of(exceeded: &[Exceeded], mode: BudgetMode, call: &PlannedCall) {
    for exceeded in exceeded {
        let budget = exceeded.limit.name;
        BudgetExceeded { budget, mode, operation: call.operation, model: &call.model }.emit();
    }
}

/// An id of a row, which grows with time.
fn new_id() -> String {
    Uuid::now_v7().to_string()
}
