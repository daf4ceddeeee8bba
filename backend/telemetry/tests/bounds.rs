//! Nothing from outside can grow the number of series without bound. One process of its own, since a recorder is global.

#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use belfry_telemetry::catalogue::{ERRORS_TOTAL, SCHEDULER_JOBS_TOTAL};
use belfry_telemetry::metric::SERIES_CAP;
use belfry_telemetry::metric::Values::{Closed, Open};
use belfry_telemetry::{Telemetry, catalogue};
use http_body_util::BodyExt;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tower::ServiceExt;

catalogue! {
    /// Files taken, by a name that should be no label.
    counter FILES_TOTAL = "fuzz_files_total" { file_name: Open };
    /// Time a model took.
    histogram MODEL_DURATION_SECONDS = "fuzz_model_duration_seconds" { model: Closed(&["small", "large"]), host: Open } buckets &[1.0];
}

const TRIES: usize = 100_000;

async fn page(router: &Router) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
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
async fn a_hundred_thousand_random_requests_and_names_stay_within_the_caps() {
    let telemetry = Telemetry::from_env("bounds", "0", ROWS).unwrap();
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
        ERRORS_TOTAL.with([&word, "fuzz"]).increment(1);
        SCHEDULER_JOBS_TOTAL.with([&word, &word]).increment(1);
        FILES_TOTAL.with([&format!("{word}.csv")]).increment(1);
        MODEL_DURATION_SECONDS.with([&word, &word]).record(0.5);
        // From a library that knows nothing of catalogues.
        metrics::counter!("library_requests", "host" => word.clone()).increment(1);
    }

    let page = page(&router).await;
    let families = series(&page);
    // Routes by methods by statuses: 3 routes, GET and OTHER, at most 200, 404 and 405.
    assert!(families["http_requests_total"] <= 12, "{}", families["http_requests_total"]);
    for (family, count) in &families {
        assert!(*count <= SERIES_CAP + 1, "{family} has {count} series");
    }
    // What was folded is counted, none of it lost.
    let value = |series: &str| -> u64 {
        let line = page.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
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
    // A closed label of a metric with an open one folds too.
    assert!(page.contains(r#"status="other""#));
}
