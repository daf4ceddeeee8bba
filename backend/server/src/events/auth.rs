//! Events of keys and users. No line holds a key, a name or an address.

use crate::catalogue::{ACTIVE_USERS, AUTH_FAILURES_TOTAL, USERS};
use crate::labels::{ActivePeriod, AuthFailure};

/// A request was not let in.
pub struct RequestNotAdmitted<'a> {
    /// Why.
    pub reason: AuthFailure,
    /// The key it has, if that is one.
    pub key_id: Option<&'a str>,
    /// The route that it asks for.
    pub route: &'a str,
}

impl RequestNotAdmitted<'_> {
    /// Moves the metric and writes the log line. Requests without a key cost nothing and come from every browser; those over the limit
    /// are counted and otherwise passed over, so that they cannot fill the log.
    pub fn emit(self) {
        let Self { reason, key_id, route } = self;
        AUTH_FAILURES_TOTAL.with(reason).increment(1);
        let name: &str = reason.into();
        match reason {
            AuthFailure::Missing | AuthFailure::RateLimited => {
                tracing::debug!(reason = name, route, "request not admitted")
            }
            _ => tracing::warn!(reason = name, key_id, route, "request not admitted"),
        }
    }
}

/// Users now, and those who used a key lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserTotals {
    /// Users that are not deactivated.
    pub users: i64,
    /// Users whose keys were used today.
    pub daily: i64,
    /// The same of the last seven days.
    pub weekly: i64,
    /// The same of the last thirty days.
    pub monthly: i64,
}

impl UserTotals {
    /// Sets the gauges, or removes them from the exposition when the totals are not known.
    pub fn emit(totals: Option<Self>) {
        let Some(Self { users, daily, weekly, monthly }) = totals else {
            USERS.set_or_forget(None);
            for period in [ActivePeriod::Dau, ActivePeriod::Wau, ActivePeriod::Mau] {
                ACTIVE_USERS.forget(period);
            }
            return;
        };
        USERS.set(users as f64);
        let periods = [(ActivePeriod::Dau, daily), (ActivePeriod::Wau, weekly), (ActivePeriod::Mau, monthly)];
        for (period, count) in periods {
            ACTIVE_USERS.with(period).set(count as f64);
        }
    }
}

/// A change by a key could not be written to the audit log; the line is its only record.
pub struct AuditNotWritten<'a> {
    /// Why.
    pub cause: String,
    /// Method and route.
    pub action: &'a str,
    /// The path.
    pub object: &'a str,
    /// Who did it.
    pub key_id: Option<&'a str>,
}

impl AuditNotWritten<'_> {
    /// Writes the log line.
    pub fn emit(self) {
        let Self { cause, action, object, key_id } = self;
        tracing::error!(action, object, key_id, cause, "a change is missing from the audit log");
    }
}
