//! Budgets: limits on what the calls of a day or a month may cost together, those of everybody or of one user. A call counts
//! with the most that it may cost from its reservation to its end, and with its cost from then on.

pub mod gauges;
pub mod period;

use jiff::tz::TimeZone;

use belfry_ledger::PicoDollars;

use crate::config::Config;
use crate::database::rfc3339;
use crate::error::Error;
use crate::labels::{BudgetMode, BudgetName, BudgetPeriod};
use period::Period;

/// The limits, and what becomes of calls beyond them.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Whether calls beyond a limit are refused.
    pub mode: BudgetMode,
    /// Of whose calendar the days and months are.
    pub time_zone: TimeZone,
    daily: Option<PicoDollars>,
    monthly: Option<PicoDollars>,
    user_daily: Option<PicoDollars>,
    user_monthly: Option<PicoDollars>,
}

/// A limit that applies to a call.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Which one.
    pub name: BudgetName,
    /// How much.
    pub amount: PicoDollars,
    /// The day or month in which it applies.
    pub period: Period,
}

/// What the calls of a period cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Those that have ended; where their cost is not known, at most.
    pub spent: PicoDollars,
    /// Those in flight, at most.
    pub reserved: PicoDollars,
}

impl Sums {
    /// Both together.
    pub fn total(self) -> PicoDollars {
        self.spent + self.reserved
    }
}

/// Why a call is beyond a limit.
#[derive(Clone, Copy, Debug)]
pub struct Exceeded {
    /// The limit.
    pub limit: Limit,
    sums: Sums,
    worst_case: PicoDollars,
}

impl Budgets {
    /// Those of the settings.
    pub fn new(config: &Config) -> Self {
        let ai = &config.ai;
        Self {
            mode: ai.budget_mode,
            time_zone: config.jobs.time_zone.clone(),
            daily: ai.budget_daily,
            monthly: ai.budget_monthly,
            user_daily: ai.budget_user_daily,
            user_monthly: ai.budget_user_monthly,
        }
    }

    /// How much a budget is, if it is set.
    pub fn amount(&self, name: BudgetName) -> Option<PicoDollars> {
        match name {
            BudgetName::Daily => self.daily,
            BudgetName::Monthly => self.monthly,
            BudgetName::UserDaily => self.user_daily,
            BudgetName::UserMonthly => self.user_monthly,
        }
    }

    /// The limits of a call at this time, of a user or of the system.
    pub fn limits(&self, has_user: bool, now: i64) -> Vec<Limit> {
        let all = [BudgetName::Daily, BudgetName::Monthly, BudgetName::UserDaily, BudgetName::UserMonthly];
        let apply = all.into_iter().filter(|name| has_user || !name.is_of_user());
        let limit = |name: BudgetName| {
            let period = Period::around(now, name.period(), &self.time_zone);
            self.amount(name).map(|amount| Limit { name, amount, period })
        };
        apply.filter_map(limit).collect()
    }

    /// Whether a limit refuses calls.
    pub fn are_enforced(&self, limits: &[Limit]) -> bool {
        self.mode == BudgetMode::Hard && !limits.is_empty()
    }
}

impl BudgetName {
    /// Whether it is of each user rather than of all together.
    pub fn is_of_user(self) -> bool {
        matches!(self, Self::UserDaily | Self::UserMonthly)
    }

    /// Whether it is of a day or of a month.
    pub fn period(self) -> BudgetPeriod {
        match self {
            Self::Daily | Self::UserDaily => BudgetPeriod::Daily,
            Self::Monthly | Self::UserMonthly => BudgetPeriod::Monthly,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Daily => "daily budget",
            Self::Monthly => "monthly budget",
            Self::UserDaily => "daily budget of this user",
            Self::UserMonthly => "monthly budget of this user",
        }
    }
}

impl Limit {
    /// Whether a call that costs at most `worst_case` would be beyond it, after calls that cost `sums`.
    /// One that costs nothing never is.
    pub fn exceeded_by(self, worst_case: PicoDollars, sums: Sums) -> Option<Exceeded> {
        let is_beyond = worst_case > PicoDollars::ZERO && sums.total() + worst_case > self.amount;
        is_beyond.then_some(Exceeded { limit: self, sums, worst_case })
    }
}

impl Exceeded {
    /// When the call fits: at the end of the period, or as soon as calls in flight have ended and turned out to be cheaper,
    /// which is at no known time.
    fn opens_at(&self) -> Option<i64> {
        (self.sums.spent + self.worst_case > self.limit.amount).then_some(self.limit.period.end)
    }

    /// The refusal of a call by these limits, of which there is at least one.
    pub fn refusal(exceeded: &[Self]) -> Option<Error> {
        // The one that opens last, and of those that open at no known time the first.
        let last = exceeded.iter().rev().max_by_key(|exceeded| exceeded.opens_at())?;
        let Self { limit: Limit { name, amount, .. }, sums: Sums { spent, reserved }, worst_case } = last;
        if let Some(never) = exceeded.iter().find(|exceeded| exceeded.worst_case > exceeded.limit.amount) {
            let Limit { name, amount, .. } = never.limit;
            let detail =
                format!("the call may cost ${worst_case}, which is more than the whole {} of ${amount}", name.title());
            return Some(Error::Forbidden { code: "ai_call_exceeds_budget", detail });
        }
        let opens_at = last.opens_at();
        let opens = match opens_at {
            Some(time) => format!("it opens again at {}", rfc3339(time)),
            None => "calls in flight may leave enough".to_owned(),
        };
        let detail = format!(
            "the {} of ${amount} is exhausted: ${spent} is spent, ${reserved} is reserved, and this call may cost ${worst_case}; \
             {opens}",
            name.title()
        );
        Some(Error::BudgetExhausted { budget: *name, opens_at, detail })
    }
}

#[cfg(test)]
mod tests;
