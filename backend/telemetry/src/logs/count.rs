//! Counts log events by level, so that a burst of errors is visible even without a log store.

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::catalogue::{LOG_EVENTS_TOTAL, LogLevel};

/// Counts each event it sees.
pub(super) struct CountEvents;

impl<S: Subscriber> Layer<S> for CountEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = LogLevel::from(*event.metadata().level());
        LOG_EVENTS_TOTAL.with(level).increment(1);
    }
}
