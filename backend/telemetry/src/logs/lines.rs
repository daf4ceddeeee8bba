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
use tracing_subscriber::registry::{LookupSpan, SpanRef};

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
    /// Passes on the spans of requests that the line of this event may show.
    fn pass_requests(&self, event: &Event<'_>, context: &Context<'_, S>) {
        context.event_scope(event).into_iter().flatten().for_each(|span| self.pass_request(&span, context));
        // Some writers show the current span in place of the parent that the event names, or of none.
        if !event.is_contextual() {
            let current = context.lookup_current().into_iter().flat_map(|span| span.scope());
            current.for_each(|span| self.pass_request(&span, context));
        }
    }

    /// Passes on this span if it is a request's, as far as it was not.
    fn pass_request(&self, span: &SpanRef<'_, S>, context: &Context<'_, S>) {
        let Some(identity) = span.extensions().get::<Arc<RequestIdentity>>().cloned() else { return };
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
        if RequestIdentity::is_recording() {
            return;
        }
        if let Some(span) = context.span(id) {
            self.pass_request(&span, &context);
        }
        self.writers.iter().for_each(|writer| writer.on_record(id, values, context.clone()));
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use serde_json::{Value, json};
    use tower::ServiceExt;
    use tracing::Instrument;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Registry, fmt};

    use super::*;
    use crate::http::identify;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    /// Counts the spans that are passed to it.
    struct CountSpans(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for CountSpans {
        fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ask(router: &Router) {
        let request = Request::get("/hello/world").header("x-request-id", "r-1").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "r-1");
    }

    fn with_writers(writers: Vec<Layers<Registry>>, work: impl Future<Output = ()>) {
        let lines = super::super::filtered(writers, "info", false);
        let _installed = tracing::subscriber::set_default(Registry::default().with(lines));
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
    }

    #[test]
    fn each_line_of_a_request_says_which_request_it_is() {
        let (json, pretty) = (Written::default(), Written::default());
        let (json_lines, pretty_lines) = (json.clone(), pretty.clone());
        let writers: Vec<Layers<Registry>> = vec![
            fmt::layer().json().flatten_event(true).with_writer(move || json_lines.clone()).boxed(),
            fmt::layer().with_ansi(false).with_writer(move || pretty_lines.clone()).boxed(),
        ];
        let (answered, was_answered) = tokio::sync::watch::channel(false);
        let handler = async move || {
            tracing::info!("in the handler");
            tracing::info_span!("inner", step = 1).in_scope(|| tracing::info!("in an inner span"));
            let mut was_answered = was_answered.clone();
            let later = async move {
                was_answered.wait_for(|answered| *answered).await.unwrap();
                tracing::info!("after the response");
            };
            // Ends with the test.
            drop(tokio::spawn(later.in_current_span()));
        };
        let router = Router::new().route("/hello/{name}", get(handler)).layer(identify());
        with_writers(writers, async move {
            ask(&router).await;
            answered.send_replace(true);
            tokio::task::yield_now().await;
            tracing::info!("outside");
        });
        let lines: Vec<Value> = json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let span = |status: Value| {
            let mut span = json!({"name": "request", "otel.name": "GET /hello/{name}", "otel.kind": "server",
                "request_id": "r-1", "http.request.method": "GET", "http.route": "/hello/{name}"});
            if !status.is_null() {
                span["http.response.status_code"] = status;
            }
            span
        };
        let inner = json!({"name": "inner", "step": 1});
        let spans = |message: &str| lines.iter().find(|line| line["message"] == message).unwrap().get("spans").cloned();
        assert_eq!(spans("in the handler"), Some(json!([span(Value::Null)])));
        assert_eq!(spans("in an inner span"), Some(json!([span(Value::Null), inner])));
        assert_eq!(spans("after the response"), Some(json!([span(json!(200))])));
        assert_eq!(spans("outside"), None);
        let identity = r#"request{otel.name="GET /hello/{name}" otel.kind="server" request_id=r-1 http.request.method="GET" http.route="/hello/{name}"}"#;
        let pretty = pretty.text();
        assert_eq!(pretty.matches(identity).count(), 2, "{pretty}");
        assert_eq!(
            pretty.matches(r#"http.route="/hello/{name}" http.response.status_code=200}"#).count(),
            1,
            "{pretty}"
        );
    }

    #[test]
    fn a_first_line_with_another_parent_has_its_request_too() {
        let json = Written::default();
        let json_lines = json.clone();
        let writer = fmt::layer().json().flatten_event(true).with_writer(move || json_lines.clone()).boxed();
        let handler = |line: fn()| Router::new().route("/hello/{name}", get(async move || line())).layer(identify());
        let routers = [
            handler(|| tracing::info!(parent: None, "without a parent")),
            handler(|| tracing::info!(parent: &tracing::debug_span!("disabled"), "in a span that is not visible")),
            handler(|| {
                let elsewhere = tracing::Span::none().in_scope(|| tracing::info_span!(parent: None, "elsewhere"));
                tracing::info!(parent: &elsewhere, "in a span of its own");
            }),
            handler(|| {
                tracing::Span::current().record("otel.name", "query Orders");
                tracing::info!("with a name of its own");
            }),
        ];
        with_writers(vec![writer], async move {
            for router in &routers {
                ask(router).await;
            }
        });
        let lines: Vec<Value> = json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines.iter().all(|line| line["spans"][0]["request_id"] == "r-1"), "{lines:?}");
        assert!(lines[3].to_string().contains("query Orders"), "{lines:?}");
    }

    #[test]
    fn a_request_without_a_line_is_not_passed_to_the_writers() {
        let passed = Arc::new(AtomicUsize::new(0));
        let router = Router::new().route("/hello/{name}", get(async || ())).layer(identify());
        with_writers(vec![CountSpans(passed.clone()).boxed()], async move { ask(&router).await });
        assert_eq!(passed.load(Ordering::Relaxed), 0);
        let router = Router::new()
            .route("/hello/{name}", get(async || (0..3).for_each(|_| tracing::info!("a line"))))
            .layer(identify());
        with_writers(vec![CountSpans(passed.clone()).boxed()], async move { ask(&router).await });
        assert_eq!(passed.load(Ordering::Relaxed), 1);
    }
}
