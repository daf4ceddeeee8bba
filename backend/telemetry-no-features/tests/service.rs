//! A service without the features of the telemetry crate: what it still has, and what it says when a missing part is switched on.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use belfry_telemetry_no_features::jobs::JobRun;
use belfry_telemetry_no_features::{Identity, StartError, Telemetry, TelemetrySettings, health, settings};
use tower::ServiceExt;
use tracing_subscriber::Registry;

fn settings_with(variables: &[(&str, &str)]) -> TelemetrySettings {
    settings::read(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
}

fn identity() -> Identity {
    Identity { service: "plain", version: "1.0.0", environment: "test".to_owned(), instance: "one".to_owned() }
}

async fn ask(router: &Router, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

/// One test, because a process has one recorder and one subscriber.
#[tokio::test]
async fn metrics_health_jobs_and_logs_work_without_features() {
    // The settings of missing parts are known, so one environment serves all builds.
    let missing = [("TRACING__ENABLED", "otlp"), ("LOKI__ENABLED", "loki"), ("STATSD__ENABLED", "statsd")].map(
        |(name, feature)| {
            // `join`, because `start` installs a subscriber.
            let joined = Telemetry::join::<Registry>(&identity(), &settings_with(&[(name, "true")]), &[]);
            let Err(StartError::Settings(error)) = joined else { unreachable!("{name} must be refused") };
            (error.to_string(), name, feature)
        },
    );
    for (message, name, feature) in missing {
        let expected = format!(
            "{name}: found `true`, expected `false`: this program was built without the feature `{feature}` of belfry-telemetry"
        );
        assert_eq!(message, expected);
    }

    let folder = tempfile::tempdir().unwrap();
    let variables = [("LOG__DIR", folder.path().to_str().unwrap()), ("LOKI__URL", "http://loki:3100")];
    let telemetry = Telemetry::start(&identity(), &settings_with(&variables), &[]).unwrap();
    let hello = async || {
        tracing::info!("said hello");
        "hello"
    };
    let router = Router::new().route("/hello/{name}", get(hello)).merge(health::router(health::Checks::default()));
    let router = telemetry.observe(router);
    assert_eq!(ask(&router, "/hello/you").await, "hello");
    assert!(ask(&router, "/health").await.contains(r#""status":"#));
    JobRun::begin("nightly").succeeded().record();

    let page = ask(&router, "/metrics").await;
    for line in [
        r#"http_requests_total{method="GET",endpoint="/hello/{name}",status="200"} 1"#,
        r#"http_requests_in_progress{method="GET",endpoint="/hello/{name}"} 0"#,
        r#"scheduler_jobs_total{job_name="nightly",status="success"} 1"#,
        r#"app_info{service="plain",version="1.0.0",environment="test"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "no line {line} in\n{page}");
    }
    assert!(telemetry.shut_down(std::time::Duration::from_secs(10)).await);
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(file).unwrap();
    assert!(lines.contains("said hello") && lines.contains("request_id"), "{lines}");
}

/// The lines of `[section]` in a manifest, by their first word.
fn section(manifest: &str, section: &str) -> BTreeMap<String, String> {
    let lines = manifest.lines().skip_while(|line| *line != format!("[{section}]")).skip(1);
    let lines =
        lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let named = |line: &str| (line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned(), line.to_owned());
    lines.map(named).collect()
}

#[test]
fn dependencies_are_those_that_are_not_optional() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let whole = std::fs::read_to_string(folder.join("../telemetry/Cargo.toml")).unwrap();
    let mut expected = section(&whole, "dependencies");
    assert!(expected.len() > 20, "{expected:?}");
    expected.retain(|_, line| !line.contains("optional = true"));
    assert_eq!(section(&own, "dependencies"), expected);
    let mut features: Vec<String> = section(&whole, "features").into_keys().collect();
    features.retain(|name| name != "default");
    assert_eq!(section(&own, "features").into_keys().collect::<Vec<_>>(), features);
}
