//! The budgets of all calls together, read from the database for the gauges and for the usage API.

use belfry_ledger::PicoDollars;
use strum::IntoEnumIterator;

use super::period::Period;
use super::{Budgets, Sums};
use crate::ai::ledger::rows::sums_since;
use crate::database::{Database, bounds, now_micros};
use crate::error::{Result, chain};
use crate::events::ai_ledger::BudgetReading;
use crate::labels::{BudgetName, BudgetPeriod};

const DAY: i64 = 86_400_000_000;

/// A budget of all calls together, now.
#[derive(Clone, Copy, Debug)]
pub struct BudgetState {
    /// The limit, if one is set.
    pub limit: Option<PicoDollars>,
    /// The present day or month.
    pub period: Period,
    /// What its calls cost.
    pub sums: Sums,
    /// What will have been spent at its end.
    pub projected: PicoDollars,
}

/// Reads the budget of the day or month of `now`.
pub async fn read(database: &Database, budgets: &Budgets, length: BudgetPeriod, now: i64) -> Result<BudgetState> {
    let period = Period::around(now, length, &budgets.time_zone);
    // What is usual of late: of a month, the last week; of a day, the last 24 hours.
    let lately = match length {
        BudgetPeriod::Daily => DAY,
        BudgetPeriod::Monthly => 7 * DAY,
    };
    let mut connection = database.pool.acquire().await?;
    let sums = sums_since(&mut connection, period.start, None).await?;
    let spent_lately = sums_since(&mut connection, now.saturating_sub(lately), None).await?.total();
    let projected = projected(sums.total(), spent_lately, lately, period.end.saturating_sub(now));
    Ok(BudgetState { limit: budgets.amount(name_of(length)), period, sums, projected })
}

/// What will have been spent when `left` has passed, if each `lately` costs as much as the last.
fn projected(so_far: PicoDollars, spent_lately: PicoDollars, lately: i64, left: i64) -> PicoDollars {
    let to_come = spent_lately.get().saturating_mul(i128::from(left.max(0))) / i128::from(lately);
    so_far + PicoDollars::new(to_come)
}

fn name_of(length: BudgetPeriod) -> BudgetName {
    match length {
        BudgetPeriod::Daily => BudgetName::Daily,
        BudgetPeriod::Monthly => BudgetName::Monthly,
    }
}

/// Reads and emits. A failure is logged and removes what is not known from the exposition.
pub async fn refresh(database: &Database, budgets: &Budgets) {
    for length in BudgetPeriod::iter() {
        let state = bounds::with_background_timeout(read(database, budgets, length, now_micros())).await;
        if let Err(error) = &state {
            tracing::warn!(cause = chain(error), "reading the AI budget failed");
        }
        let sums = state.ok().map(|state| (state.sums.spent, state.sums.reserved, state.projected));
        BudgetReading { period: length, limit: budgets.amount(name_of(length)), sums }.emit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projection_goes_on_as_of_late() {
        let amount = PicoDollars::new;
        assert_eq!(projected(amount(100), amount(70), 7, 20), amount(300));
        assert_eq!(projected(amount(100), amount(0), 7, 20), amount(100));
        assert_eq!(projected(amount(5), amount(70), 7, -3), amount(5), "a period that is over stays as it is");
    }
}
