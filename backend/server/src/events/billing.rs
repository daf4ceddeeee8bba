//! Billing events: what is delivered here, and what the ledger has.

use crate::catalogue::{
    BILLING_EVENTS_TOTAL, BILLING_LAST_EVENT_TIMESTAMP_SECONDS, REFUNDS_MINOR_UNITS_TOTAL, REVENUE_MINOR_UNITS_TOTAL,
    SUBSCRIPTION_CONVERSIONS_TOTAL,
};
use crate::error::Error;
use crate::labels::{BillingEventType, BillingOutcome};

/// A billing event comes in. Dropped before its end is known, as when its sender goes away, it counts as `cancelled`.
///
/// No line has anything of its content but the type, nor why it is invalid: that may quote it, and its sender is told.
pub struct BillingEventReceived {
    kind: BillingEventType,
    is_signed: bool,
    ended: bool,
}

impl BillingEventReceived {
    /// Begins before its headers are judged.
    pub fn begin() -> Self {
        Self { kind: BillingEventType::Unread, is_signed: false, ended: false }
    }

    /// It is signed by a secret that is known here.
    pub fn is_signed(&mut self) {
        self.is_signed = true;
    }

    /// Its type is known.
    pub fn has_type(&mut self, kind: BillingEventType) {
        self.kind = kind;
    }

    /// It is in the ledger, under this id of the ledger's own.
    pub fn stored(mut self, id: &str) {
        self.end(BillingOutcome::Stored);
        tracing::info!(id, event_type = self.kind.name(), "billing event stored");
    }

    /// It had been stored before.
    pub fn repeated(mut self) {
        self.end(BillingOutcome::Repeated);
        tracing::debug!(event_type = self.kind.name(), "billing event delivered again");
    }

    /// Events of its type are not kept.
    pub fn ignored(mut self) {
        self.end(BillingOutcome::Ignored);
        tracing::debug!("billing event of another type ignored");
    }

    /// It was not stored. A sender repeats what is not answered by 2xx.
    pub fn ended_by(mut self, error: &Error) {
        let outcome = match error {
            Error::SwitchedOff { .. } => BillingOutcome::Off,
            Error::SignatureRefused { .. } => BillingOutcome::Refused,
            Error::Conflict { .. } => BillingOutcome::Conflict,
            // The body did not come to its end.
            Error::Incomplete => BillingOutcome::Cancelled,
            error if error.is_server_fault() || error.is_transient() => BillingOutcome::Failed,
            // Whoever sent it, as when it is too large to be verified.
            _ if !self.is_signed => BillingOutcome::Refused,
            _ => BillingOutcome::Invalid,
        };
        self.end(outcome);
        let (outcome_name, code): (&str, &str) = (outcome.into(), error.code());
        let event_type = self.kind.name();
        if matches!(outcome, BillingOutcome::Off | BillingOutcome::Refused | BillingOutcome::Cancelled) {
            // Anybody may cause these; that many are refused is an alert of its own.
            tracing::debug!(outcome = outcome_name, code, event_type, "billing event not stored");
        } else {
            tracing::warn!(outcome = outcome_name, code, event_type, "billing event not stored");
        }
    }

    fn end(&mut self, outcome: BillingOutcome) {
        self.ended = true;
        BILLING_EVENTS_TOTAL.with((self.kind, outcome)).increment(1);
    }
}

impl Drop for BillingEventReceived {
    fn drop(&mut self) {
        if !self.ended {
            self.end(BillingOutcome::Cancelled);
        }
    }
}

/// What the ledger has, of all time. Amounts are in minor units of each currency.
///
/// A counter is set from the ledger and never incremented, so that every server says the same, before and after a restart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BillingTotals {
    /// Subscriptions started.
    pub conversions: i64,
    /// Payments by currency.
    pub revenue: Vec<(String, i64)>,
    /// Refunds by currency.
    pub refunds: Vec<(String, i64)>,
    /// When the last event was stored, in microseconds since 1970 UTC.
    pub last_received_at: Option<i64>,
}

impl BillingTotals {
    /// Sets the counters.
    pub fn emit(self) {
        let Self { conversions, revenue, refunds, last_received_at } = self;
        SUBSCRIPTION_CONVERSIONS_TOTAL.set(conversions as f64);
        for (currency, amount) in revenue {
            REVENUE_MINOR_UNITS_TOTAL.with(&currency).set(amount as f64);
        }
        for (currency, amount) in refunds {
            REFUNDS_MINOR_UNITS_TOTAL.with(&currency).set(amount as f64);
        }
        BILLING_LAST_EVENT_TIMESTAMP_SECONDS.set_or_forget(last_received_at.map(|at| at as f64 / 1e6));
    }
}
