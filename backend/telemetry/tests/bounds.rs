//! Nothing from outside can grow the number of series without bound. One process of its own, since a recorder is global.

#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::get;
use belfry_telemetry::catalogue::{ERRORS_TOTAL, JobStatus, SCHEDULER_JOBS_TOTAL};
use belfry_telemetry::metric::{OneOf, Open, SERIES_CAP, Status};
use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, catalogue, settings};
use belfry_test_support::statsd::Agent;
use http_body_util::BodyExt;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tower::ServiceExt;

catalogue! {
    /// Files taken, by a name that should be no label.
    counter FILES_TOTAL = "fuzz_files_total" { file_name: Open };
    /// Time a model took.
    histogram MODEL_DURATION_SECONDS = "fuzz_model_duration_seconds" { model: OneOf(&["small", "large"]), host: Open } buckets &[1.0];
    /// Answers by host, of which few are kept.
    counter ANSWERS_TOTAL = "fuzz_answers_total" { host: Open, status: Status } cap 20;
}

const TRIES: usize = 100_000;

/// The most metrics without a catalogue, as `registry/caps.rs` has it.
const FOREIGN_CAP: usize = 200;

async fn ask(router: &Router, accept: &str) -> Vec<u8> {
    let request = Request::get("/metrics").header("accept", accept).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    answer.into_body().collect().await.unwrap().to_bytes().to_vec()
}

fn text(page: Vec<u8>) -> String {
    String::from_utf8(page).unwrap()
}

/// Series by family in what an agent was sent.
fn series_of_agent(datagrams: &[String]) -> BTreeMap<String, usize> {
    let mut seen = BTreeSet::new();
    for line in datagrams.iter().flat_map(|datagram| datagram.lines()) {
        let (name, rest) = line.split_once(':').unwrap();
        let tags = rest.split_once("|#").map_or("", |(_, tags)| tags);
        seen.insert((name, tags));
    }
    let mut families = BTreeMap::new();
    for (name, _) in seen {
        *families.entry(name.to_owned()).or_default() += 1;
    }
    families
}

/// Series by family; a histogram's are its `_count` lines.
fn series(page: &str) -> BTreeMap<String, usize> {
    let mut families = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        if !name.ends_with("_bucket") && !name.ends_with("_sum") {
            *families.entry(name.to_owned()).or_default() += 1;
        }
    }
    families
}

#[tokio::test]
async fn random_requests_and_names_stay_within_the_caps() {
    let agent = Agent::start();
    let set = [
        ("STATSD__ENABLED", "true"),
        ("STATSD__ADDRESS", agent.address()),
        ("STATSD__INTERVAL", "1s"),
        ("PROMETHEUS__NATIVE_HISTOGRAMS", "true"),
    ];
    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings: TelemetrySettings = settings::read(set).unwrap();
    let (environment, instance) = ("test".to_owned(), "one".to_owned());
    let identity = Identity { service: "bounds", version: "0", environment, instance };
    let telemetry = Telemetry::start(&identity, &settings, ROWS).unwrap();
    let routes = Router::new().route("/items/{id}", get(async || "item")).route("/files/{*path}", get(async || "file"));
    let router = telemetry.observe(routes);
    let mut random = StdRng::seed_from_u64(7);

    for _ in 0..TRIES {
        let word = Alphanumeric.sample_string(&mut random, 12);
        let path = match random.random_range(0..4) {
            0 => format!("/items/{word}"),
            1 => format!("/files/{word}/{word}.csv"),
            2 => format!("/{word}"),
            _ => format!("/{word}/%2e%2e/{word}?{word}={word}"),
        };
        let method = if random.random_bool(0.3) { word.as_str() } else { "GET" };
        let request = Request::builder().method(method).uri(path).header("host", &word).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        answer.into_body().collect().await.unwrap();
        // Names that a careless caller might pass on: of errors, of jobs, and in metrics of its own.
        ERRORS_TOTAL.with((&word, "fuzz")).increment(1);
        SCHEDULER_JOBS_TOTAL.with((&word, JobStatus::Failed)).increment(1);
        FILES_TOTAL.with(format!("{word}.csv")).increment(1);
        MODEL_DURATION_SECONDS.with((&word, &word)).record(0.5);
        // From a library that knows nothing of catalogues.
        metrics::counter!("library_requests", "host" => word.clone()).increment(1);
        metrics::gauge!(format!("library_{word}")).set(1.0);
        // Another metric, of which the page would make the same.
        metrics::counter!("library.requests").increment(1);
        let status = if random.random_bool(0.5) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NO_CONTENT };
        ANSWERS_TOTAL.with((&word, status)).increment(1);
    }

    // More routes than there may be series, each asked twice, so that handles are kept.
    let routes = (0..SERIES_CAP + 100)
        .fold(Router::new(), |routes, route| routes.route(&format!("/route{route}"), get(async || "route")));
    let many = telemetry.observe(routes);
    for route in (0..SERIES_CAP + 100).flat_map(|route| [route, route]) {
        let request = Request::get(format!("/route{route}")).body(Body::empty()).unwrap();
        many.clone().oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    }

    // The second, on which the first is accounted for.
    ask(&router, "text/plain").await;
    let page = text(ask(&router, "text/plain").await);
    let families = series(&page);
    // Routes by methods by statuses: 3 routes, GET and OTHER, at most 200, 404 and 405.
    let fuzzed = page.lines().filter(|line| line.starts_with("http_requests_total{") && !line.contains("/route"));
    assert!(fuzzed.clone().count() <= 12 + 1, "{:?}", fuzzed.collect::<Vec<_>>());
    for (family, count) in &families {
        assert!(*count <= SERIES_CAP + 1, "{family} has {count} series");
    }
    // What was folded is counted, none of it lost, also through handles that are kept.
    let value = |series: &str| -> u64 {
        let line = page.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let late = value(r#"http_requests_total{method="GET",endpoint="overflow",status="200"}"#);
    let own = page.lines().filter(|line| line.starts_with(r#"http_requests_total{method="GET",endpoint="/route"#));
    assert_eq!(late as usize, 2 * (SERIES_CAP + 100 - own.count()));
    assert_eq!(value(r#"telemetry_series_dropped_total{metric="http_requests_total"}"#), late);
    let folded = (TRIES - SERIES_CAP) as u64;
    assert_eq!(value(r#"errors_total{error_type="overflow",component="overflow"}"#), folded);
    assert_eq!(value(r#"telemetry_series_dropped_total{metric="errors_total"}"#), folded);
    assert_eq!(value(r#"fuzz_files_total{file_name="overflow"}"#), folded);
    assert_eq!(value(r#"library_requests{host="overflow"}"#), folded);
    assert_eq!(value(r#"telemetry_series_dropped_total{metric="library_requests"}"#), folded);
    let models = page.lines().filter(|line| line.starts_with("fuzz_model_duration_seconds_count"));
    assert!(models.clone().all(|line| line.contains(r#"model="other""#) || line.contains(r#"model="overflow""#)));
    let counted: u64 = models.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(counted, TRIES as u64);
    // A closed label keeps its bounded value past the cap.
    assert!(page.contains(r#"scheduler_jobs_total{job_name="overflow",status="failed"}"#));
    // So does a status: past the cap, errors are still told from the rest. The row's own cap holds.
    let answers: Vec<&str> = page.lines().filter(|line| line.starts_with("fuzz_answers_total{")).collect();
    assert_eq!(answers.len(), 20 + 2, "{answers:?}");
    let overflow = |status| value(&format!(r#"fuzz_answers_total{{host="overflow",status="{status}"}}"#));
    assert_eq!(overflow("500") + overflow("204"), (TRIES - 20) as u64);
    assert_eq!(value(r#"telemetry_series_dropped_total{metric="fuzz_answers_total"}"#), (TRIES - 20) as u64);
    // Names that nobody declared are bounded as well, and what came too late is counted.
    let foreign = families.keys().filter(|family| family.starts_with("library_")).count();
    assert_eq!(foreign, FOREIGN_CAP);
    let late = (TRIES - (FOREIGN_CAP - 1)) as u64;
    assert_eq!(value(r#"telemetry_series_dropped_total{metric="overflow"}"#), late);

    // As is what is refused.
    assert_eq!(value(r#"telemetry_series_dropped_total{metric="library.requests"}"#), TRIES as u64);

    // The other formats show the same store.
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let protobuf = ask(&router, accept).await;
    assert!(!protobuf.starts_with(b"#") && protobuf.len() < 2 * page.len(), "{} bytes", protobuf.len());
    assert!(telemetry.shut_down(Duration::from_secs(30)).await);
    let of_agent = series_of_agent(&agent.all_datagrams().await);
    assert!(of_agent["library_requests"] > 1, "{of_agent:?}");
    for (family, count) in &of_agent {
        assert!(*count <= SERIES_CAP + 1, "the agent was sent {count} series of {family}");
        assert!(families.contains_key(family) || families.contains_key(&format!("{family}_count")), "{family}");
    }
}
