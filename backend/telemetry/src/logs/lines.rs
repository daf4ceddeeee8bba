//! The layer in front of those that write lines. It counts events, so that a burst of errors is visible even without a log
//! store, and spares the writers the spans of requests that write no line.
//!
//! It measures sqlx's statements too: a second layer with a filter would look up each request's span three more times.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::Layers;
use crate::catalogue::{LOG_EVENTS_TOTAL, LogLevel};
use crate::database::QueryMetrics;
use crate::http::{Fields, RequestIdentity};

/// Passes on each event it sees, and each span: that of a request once a line is written within it.
pub(super) struct Lines<S> {
    pub(super) writers: Vec<Layers<S>>,
    /// When this layer measures statements too: what is visible of their events.
    pub(super) statements: Option<Targets>,
}

/// Which events and spans [`Lines`] needs: what is visible, and statements when it measures them.
pub(super) struct Needed {
    pub(super) visible: Targets,
    pub(super) statements: bool,
}

impl Needed {
    fn includes(&self, metadata: &Metadata<'_>) -> bool {
        (self.statements && is_statement(metadata)) || is_visible(&self.visible, metadata)
    }
}

impl<S> Filter<S> for Needed {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.includes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.includes(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        if self.statements { Some(LevelFilter::TRACE) } else { Filter::<S>::max_level_hint(&self.visible) }
    }
}

fn is_statement(metadata: &Metadata<'_>) -> bool {
    // Not only events: sqlx asks before it makes one.
    !metadata.is_span() && metadata.target().starts_with("sqlx")
}

fn is_visible(visible: &Targets, metadata: &Metadata<'_>) -> bool {
    visible.would_enable(metadata.target(), metadata.level())
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
        let metadata = event.metadata();
        if let Some(visible) = &self.statements
            && is_statement(metadata)
        {
            QueryMetrics.on_event(event, context.clone());
            if !is_visible(visible, metadata) {
                return;
            }
        }
        LOG_EVENTS_TOTAL.with(LogLevel::from(*metadata.level())).increment(1);
        self.pass_requests(event, &context);
        self.writers.iter().for_each(|writer| writer.on_event(event, context.clone()));
    }
}
