//! The layer in front of those that write lines. It counts events, so that a burst of errors is visible even without a log
//! store, and spares the writers the spans of requests that write no line.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Layers;
use crate::catalogue::{LOG_EVENTS_TOTAL, LogLevel};
use crate::http::{Fields, RequestIdentity};

/// Passes on each event it sees, and each span: that of a request once a line is written within it.
pub(super) struct Lines<S> {
    pub(super) writers: Vec<Layers<S>>,
}

impl<S> Lines<S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    /// Passes on the spans of requests that the line of this event will show.
    fn pass_requests(&self, event: &Event<'_>, context: &Context<'_, S>) {
        for span in context.event_scope(event).into_iter().flatten() {
            let Some(identity) = span.extensions().get::<Arc<RequestIdentity>>().cloned() else { continue };
            identity.format_fields(span.metadata(), |fields| {
                for writer in &self.writers {
                    match fields {
                        Fields::New(attributes) => writer.on_new_span(attributes, &span.id(), context.clone()),
                        Fields::Changed(values) => writer.on_record(&span.id(), values, context.clone()),
                    }
                }
            });
        }
    }
}

impl<S> Layer<S> for Lines<S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_layer(&mut self, subscriber: &mut S) {
        self.writers.iter_mut().for_each(|writer| writer.on_layer(subscriber));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        match RequestIdentity::of_new_span(attributes.metadata()) {
            Some(identity) => {
                if let Some(span) = context.span(id) {
                    span.extensions_mut().replace(identity);
                }
            }
            None => self.writers.iter().for_each(|writer| writer.on_new_span(attributes, id, context.clone())),
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        // A request's own values are in its identity.
        let is_request = context.span(id).is_some_and(|span| span.extensions().get::<Arc<RequestIdentity>>().is_some());
        if !is_request {
            self.writers.iter().for_each(|writer| writer.on_record(id, values, context.clone()));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        LOG_EVENTS_TOTAL.with([LogLevel::from(*event.metadata().level()).into()]).increment(1);
        self.pass_requests(event, &context);
        self.writers.iter().for_each(|writer| writer.on_event(event, context.clone()));
    }
}
