//! A service of its own layout takes single parts of the crate: it has its recorder (the `metrics` crate's exporter for
//! Prometheus), its subscriber and its middleware, and starts no `Telemetry` but for the logs.
//!
//! A program of its own, because the service's recorder is that of the process.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Path;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::routing::get;
use axum::{Router, middleware};
use belfry_telemetry::http::{HttpLayer, HttpOptions};
use belfry_telemetry::jobs::JobRun;
use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, catalogue, health, metric, settings};
use belfry_test_support::loki::Receiver;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tower::ServiceExt;
use tower::util::MapResponseLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// The service's recorder and page, with the buckets of the rows that it takes over.
static THEIR_PAGE: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let histograms = catalogue::ROWS.iter().filter(|row| row.kind == metric::Kind::Histogram);
    let builder = histograms.fold(PrometheusBuilder::new(), |builder, row| {
        builder.set_buckets_for_metric(Matcher::Full(row.name.to_owned()), row.buckets).unwrap()
    });
    let page = builder.install_recorder().unwrap();
    metric::emit_to_installed_recorder(catalogue::ROWS);
    page
});

fn assert_lines(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|found| found == *line), "no line {line} in\n{page}");
    }
}

async fn ask(router: &Router, path: &str) -> (StatusCode, Bytes) {
    let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    (response.status(), to_bytes(response.into_body(), usize::MAX).await.unwrap())
}

#[tokio::test]
async fn the_layer_alone_counts_in_their_recorder() {
    let page = &*THEIR_PAGE;
    let their_header = |mut response: axum::response::Response| {
        response.headers_mut().insert(header::SERVER, HeaderValue::from_static("theirs"));
        response
    };
    let their_gate = async |request: axum::extract::Request, next: middleware::Next| {
        if request.uri().path() == "/item/refused" {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(next.run(request).await)
    };
    let router = Router::new()
        .route("/item/{id}", get(async |Path(id): Path<String>| id))
        .layer(middleware::from_fn(their_gate))
        .layer(HttpLayer::new(HttpOptions::default()))
        .layer(MapResponseLayer::new(their_header));
    assert_eq!(ask(&router, "/item/secret").await, (StatusCode::OK, Bytes::from("secret")));
    assert_eq!(ask(&router, "/item/refused").await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&router, "/nowhere").await.0, StatusCode::NOT_FOUND);
    let page = page.render();
    assert_lines(
        &page,
        &[
            "# HELP http_requests_total Requests ended, by exact status; a client that disconnected before the response ended is 499.",
            r#"http_requests_total{method="GET",endpoint="/item/{id}",status="200"} 1"#,
            r#"http_requests_total{method="GET",endpoint="/item/{id}",status="403"} 1"#,
            r#"http_requests_total{method="GET",endpoint="unmatched",status="404"} 1"#,
            r#"http_requests_in_progress{method="GET",endpoint="/item/{id}"} 0"#,
            r#"http_request_duration_seconds_count{method="GET",endpoint="/item/{id}"} 2"#,
            r#"http_request_duration_seconds_bucket{method="GET",endpoint="/item/{id}",le="16"} 2"#,
            r#"http_response_size_bytes_sum{method="GET",endpoint="/item/{id}"} 6"#,
        ],
    );
    assert!(!page.contains("secret"), "{page}");
}

#[test]
fn caps_hold_in_their_recorder() {
    let page = &*THEIR_PAGE;
    for id in 0..2 * metric::SERIES_CAP {
        catalogue::EXTERNAL_API_DURATION_SECONDS.with(format!("service-{id}")).record(0.1);
    }
    let page = page.render();
    let count = r#"external_api_duration_seconds_count{service="#;
    assert_eq!(page.lines().filter(|line| line.starts_with(count)).count(), metric::SERIES_CAP + 1);
    assert_lines(&page, &[&format!(r#"{count}"overflow"}} {}"#, metric::SERIES_CAP)]);
}

#[tokio::test]
async fn health_alone_is_three_routes_of_their_router() {
    let page = &*THEIR_PAGE;
    let checks = health::Checks::default()
        .required("their_database", Duration::from_secs(1), async || Ok("answers".to_owned()))
        .optional("their_mail", Duration::from_millis(10), std::future::pending);
    let router = Router::new().nest("/internal", health::router(checks));
    assert_eq!(ask(&router, "/internal/livez").await, (StatusCode::OK, Bytes::from("ok")));
    assert_eq!(ask(&router, "/internal/readyz").await.0, StatusCode::OK);
    let (status, body) = ask(&router, "/internal/health").await;
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &report["status"]), (StatusCode::OK, &"degraded".into()), "{report}");
    assert_eq!(report["checks"]["their_mail"]["message"], "no answer within 10 ms");
    assert_lines(
        &page.render(),
        &[r#"health_check_status{check="their_database"} 1"#, r#"health_check_status{check="their_mail"} 0"#],
    );
}

/// The service's own layer: what it is told, in order.
#[derive(Clone, Default)]
struct TheirLayer(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for TheirLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                text = format!("{value:?}");
            }
        });
        self.0.lock().unwrap().push(text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_alone_join_their_subscriber_and_leave_their_recorder() {
    let page = &*THEIR_PAGE;
    let (loki, url) = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("PROMETHEUS__ENABLED", "false"),
        ("LOG__DIR", folder.path().to_str().unwrap()),
        ("LOKI__ENABLED", "true"),
        ("LOKI__URL", &url),
    ];
    let settings: TelemetrySettings =
        settings::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
    let (environment, instance) = ("test".to_owned(), "one".to_owned());
    let identity = Identity { service: "theirs", version: "1.0.0", environment, instance };
    // With metrics off it installs no recorder, and no page.
    let (telemetry, layers) = Telemetry::join(&identity, &settings, &[]).unwrap();
    let theirs = TheirLayer::default();
    let subscriber = tracing_subscriber::registry().with(layers).with(theirs.clone());
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("their_work", order = 7).entered();
        tracing::warn!("out of paper");
    });
    assert!(telemetry.shut_down(Duration::from_secs(10)).await);
    assert_eq!(*theirs.0.lock().unwrap(), ["out of paper"]);
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(file).unwrap();
    assert!(lines.contains("out of paper") && lines.contains(r#""order":7"#), "{lines}");
    let sent = loki.lines();
    assert_eq!((sent.len(), &sent[0].0["service"], &sent[0].1["order"]), (1, &"theirs".into(), &7.into()));
    assert_lines(&page.render(), &[r#"log_events_total{level="warn"} 1"#]);
}

#[test]
fn jobs_alone_are_counted_and_logged_with_their_means() {
    let page = &*THEIR_PAGE;
    let theirs = TheirLayer::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(theirs.clone()), || {
        JobRun::begin("their_backup").succeeded().record();
        JobRun::begin("their_backup").failed("the disk is full").record();
        drop(JobRun::begin("their_backup"));
    });
    assert_eq!(*theirs.0.lock().unwrap(), ["job succeeded", "job failed", "job aborted"]);
    assert_lines(
        &page.render(),
        &[
            r#"scheduler_jobs_total{job_name="their_backup",status="success"} 1"#,
            r#"scheduler_jobs_total{job_name="their_backup",status="failed"} 1"#,
            r#"scheduler_jobs_total{job_name="their_backup",status="aborted"} 1"#,
            r#"scheduler_jobs_in_progress{job_name="their_backup"} 0"#,
            r#"scheduler_job_duration_seconds_count{job_name="their_backup"} 3"#,
        ],
    );
}
