//! Turns an event into a line for Loki: one JSON object with the message, the event's fields and those of its spans.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Line;
use crate::catalogue::{LogLevel, LokiStage, TELEMETRY_LOKI_EVENTS_TOTAL};

/// Loki refuses lines of 256 KiB and more.
const MAX_LINE_BYTES: usize = 255 << 10;

/// Takes events and queues their lines.
pub(in crate::logs) struct LineLayer {
    queue: mpsc::Sender<Line>,
}

impl LineLayer {
    pub(super) fn new(queue: mpsc::Sender<Line>) -> Self {
        Self { queue }
    }
}

/// The fields of a span, kept with it.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for LineLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        fields.0.insert("target".to_owned(), event.metadata().target().into());
        // From the outermost span in, so that inner spans override outer ones.
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(own) = span.extensions().get::<Fields>() {
                fields.0.extend(own.0.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut fields);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line =
            Line { time: now.as_nanos(), level: LogLevel::from(*event.metadata().level()), text: text(fields.0) };
        TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Emitted).increment(1);
        if self.queue.try_send(line).is_err() {
            TELEMETRY_LOKI_EVENTS_TOTAL.with(LokiStage::Dropped).increment(1);
        }
    }
}

/// The line as JSON, its longest texts shortened until Loki takes it.
fn text(mut fields: Map<String, Value>) -> String {
    let mut longest_text_bytes = MAX_LINE_BYTES / 2;
    loop {
        let text = Value::Object(fields.clone()).to_string();
        if text.len() <= MAX_LINE_BYTES {
            return text;
        }
        for value in fields.values_mut() {
            if let Value::String(text) = value {
                text.truncate(text.floor_char_boundary(longest_text_bytes));
            }
        }
        if longest_text_bytes == 0 {
            // Thousands of fields; none of ours has them.
            return r#"{"message":"a line with more fields than Loki takes"}"#.to_owned();
        }
        longest_text_bytes /= 2;
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn lines(queue: usize, emit: impl FnOnce()) -> Vec<Value> {
        let (sender, mut receiver) = mpsc::channel(queue);
        let subscriber = tracing_subscriber::registry().with(LineLayer::new(sender));
        tracing::subscriber::with_default(subscriber, emit);
        std::iter::from_fn(|| receiver.try_recv().ok()).map(|line| serde_json::from_str(&line.text).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_of_its_spans() {
        let lines = lines(10, || {
            let outer = tracing::info_span!("outer", request_id = "r1", step = 1, late = tracing::field::Empty);
            let _outer = outer.enter();
            outer.record("late", true);
            let _inner = tracing::info_span!("inner", step = 2).entered();
            tracing::info!(rows = 5, "two words");
        });
        let expected = serde_json::json!({"message": "two words", "rows": 5, "step": 2, "request_id": "r1", "late": true,
            "target": module_path!()});
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn what_the_queue_cannot_hold_is_dropped_and_counted() {
        let emit = || {
            assert_eq!(lines(2, || (0..5).for_each(|_| tracing::info!("one more"))).len(), 2);
        };
        let expected =
            [r#"telemetry_loki_events_total{stage="dropped"} 3"#, r#"telemetry_loki_events_total{stage="emitted"} 5"#];
        assert_eq!(crate::testing::changed_series(emit), expected);
    }

    #[test]
    fn a_line_that_loki_would_refuse_is_shortened() {
        let long = "ü".repeat(1 << 20);
        let lines = lines(1, || tracing::info!(long, "short"));
        assert!(lines[0].to_string().len() <= MAX_LINE_BYTES);
        assert_eq!(lines[0]["message"], "short");
        assert!(lines[0]["long"].as_str().unwrap().len() > 1_000);
    }
}
