//! Events of alerts.

use crate::catalogue::{
    ALERT_DELIVERY_LAST_TIMESTAMP_SECONDS, ALERT_DELIVERY_SECONDS, ALERT_MESSAGES_TOTAL, ALERT_NOTIFICATIONS_TOTAL,
    ALERTS_TOTAL,
};
use crate::error::Error;
use crate::labels::{AlertChange, AlertMessageOutcome, NotificationOutcome, Severity};

/// An alert that was not open was raised.
pub struct AlertRaised<'a> {
    /// Its name.
    pub name: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// Who says so.
    pub source: &'a str,
    /// What is wrong, with the values.
    pub description: &'a str,
}

impl AlertRaised<'_> {
    /// Counts it.
    pub fn emit(self) {
        let Self { name, severity, source, description } = self;
        ALERTS_TOTAL.with((AlertChange::Raised, severity)).increment(1);
        tracing::warn!(name, %severity, source, description, "alert raised");
    }
}

/// An open alert was resolved.
pub struct AlertResolved<'a> {
    /// Its name.
    pub name: &'a str,
    /// As it last was.
    pub severity: Severity,
    /// Who had raised it.
    pub source: &'a str,
}

impl AlertResolved<'_> {
    /// Counts it.
    pub fn emit(self) {
        let Self { name, severity, source } = self;
        ALERTS_TOTAL.with((AlertChange::Resolved, severity)).increment(1);
        tracing::info!(name, %severity, source, "alert resolved");
    }
}

/// There was something to tell people of an alert of this service's own.
pub struct AlertMessage {
    /// Whether they were told.
    pub outcome: AlertMessageOutcome,
}

impl AlertMessage {
    /// Counts it.
    pub fn emit(self) {
        ALERT_MESSAGES_TOTAL.with(self.outcome).increment(1);
        tracing::debug!(outcome = <&str>::from(self.outcome), "message about an alert");
    }
}

/// The canary has come all the way from its rule to this service.
pub struct CanaryDelivered {
    /// When it began to fire, in microseconds since 1970 UTC, by Prometheus's clock.
    pub starts_at: i64,
    /// Now, by this machine's.
    pub now: i64,
}

impl CanaryDelivered {
    /// Measures it.
    pub fn emit(self) {
        let Self { starts_at, now } = self;
        let seconds = now.saturating_sub(starts_at).max(0) as f64 / 1e6;
        ALERT_DELIVERY_SECONDS.record(seconds);
        ALERT_DELIVERY_LAST_TIMESTAMP_SECONDS.set(now as f64 / 1e6);
        tracing::debug!(seconds, "alert delivery canary arrived");
    }
}

/// A notification of Alertmanager's comes in. Dropped before its end is known, as when its sender goes away, it counts as
/// `cancelled`.
pub struct NotificationReceived {
    ended: bool,
}

impl NotificationReceived {
    /// Begins before its body is judged.
    pub fn begin() -> Self {
        Self { ended: false }
    }

    /// All of its alerts are stored. `truncated`: those that Alertmanager left out.
    pub fn stored(mut self, alerts: usize, truncated: u64) {
        self.end(NotificationOutcome::Stored);
        if truncated > 0 {
            tracing::warn!(
                alerts,
                truncated,
                "alert notification stored, and Alertmanager had left out some of its alerts"
            );
        } else {
            tracing::debug!(alerts, "alert notification stored");
        }
    }

    /// It was not stored. That Alertmanager will repeat it, it is told by a status of 5xx.
    pub fn ended_by(mut self, error: &Error) {
        let outcome = match error {
            Error::Unauthorized(_) | Error::Forbidden { .. } => NotificationOutcome::Refused,
            error if error.is_server_fault() || error.is_transient() => NotificationOutcome::Failed,
            _ => NotificationOutcome::Invalid,
        };
        self.end(outcome);
        let (name, code): (&str, &str) = (outcome.into(), error.code());
        if outcome == NotificationOutcome::Refused {
            // Anybody may cause these; that Alertmanager does is an alert of its own.
            tracing::debug!(outcome = name, code, detail = %error, "alert notification not stored");
        } else {
            tracing::warn!(outcome = name, code, detail = %error, "alert notification not stored");
        }
    }

    fn end(&mut self, outcome: NotificationOutcome) {
        self.ended = true;
        ALERT_NOTIFICATIONS_TOTAL.with(outcome).increment(1);
    }
}

impl Drop for NotificationReceived {
    fn drop(&mut self) {
        if !self.ended {
            self.end(NotificationOutcome::Cancelled);
        }
    }
}
