//! Readings that hang or panic cost their own gauges and nothing else. One process of its own, since a recorder is global.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use belfry_telemetry::{Telemetry, catalogue};
use belfry_test_support::eventually;
use http_body_util::BodyExt;
use tower::ServiceExt;

catalogue! {
    /// Of a reading that will hang.
    reading HANGING = "test_hanging" {};
    /// Of a reading that will panic.
    reading PANICKING = "test_panicking" {};
    /// Of a reading that is taken after both.
    reading COUNTING = "test_counting" {};
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn page(router: &Router) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_hangs_or_panics_costs_only_its_gauges() {
    let telemetry = Telemetry::from_env("readings", "0", ROWS).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (hangs, panics, count) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let of = |flag: &Arc<AtomicBool>| {
        let flag = flag.clone();
        move || flag.load(Ordering::Relaxed)
    };
    let (is_hanging, is_panicking) = (of(&hangs), of(&panics));
    telemetry.before_scrape(move || {
        if is_hanging() {
            released.recv().unwrap();
        }
        HANGING.set(1.0);
    });
    telemetry.before_scrape(move || {
        PANICKING.set(1.0);
        assert!(!is_panicking(), "a bug in a reading");
    });
    telemetry.before_scrape(move || COUNTING.set(count.fetch_add(1, Ordering::Relaxed) as f64));
    let router: Router = telemetry.routes();
    let first = page(&router).await;
    assert_eq!(
        ["test_hanging", "test_panicking", "test_counting"].map(|series| value(&first, series)),
        [Some(1.0), Some(1.0), Some(0.0)]
    );

    // As a file system whose server is gone.
    hangs.store(true, Ordering::Relaxed);
    let started = Instant::now();
    let hung = page(&router).await;
    assert!(started.elapsed() < Duration::from_secs(8), "the page waited {:?}", started.elapsed());
    assert_eq!(value(&hung, "test_hanging"), None);
    assert_eq!(value(&hung, "test_counting"), Some(1.0));
    assert!(value(&hung, "host_cpus").is_some());
    let before = threads();
    let started = Instant::now();
    let pages = futures::future::join_all((0..20).map(|_| page(&router))).await;
    assert!(started.elapsed() < Duration::from_secs(8), "the pages waited {:?}", started.elapsed());
    assert!(pages.iter().all(|page| value(page, "test_hanging").is_none() && value(page, "test_counting").is_some()));
    // One thread hangs, and one reads on; all pages are written by one thread.
    assert!(threads() <= before + 2, "{} threads after {before}", threads());
    assert_eq!(readers(), 2);

    // It comes back by itself.
    hangs.store(false, Ordering::Relaxed);
    release.send(()).unwrap();
    let is_back = async || value(&page(&router).await, "test_hanging").is_some() && readers() == 1;
    eventually("the reading comes back", PATIENCE, is_back).await;

    panics.store(true, Ordering::Relaxed);
    let panicked = page(&router).await;
    assert_eq!(value(&panicked, "test_panicking"), None);
    assert!(value(&panicked, "test_counting").is_some());
    panics.store(false, Ordering::Relaxed);
    // On a busy machine the backtrace of the panic takes longer to print than a reading may take.
    let is_back = async || value(&page(&router).await, "test_panicking") == Some(1.0);
    eventually("the reading that panicked comes back", PATIENCE, is_back).await;
    let back = page(&router).await;
    assert_eq!(value(&back, r#"errors_total{error_type="panic",component="telemetry"}"#), Some(1.0));
    assert_eq!(value(&back, r#"log_events_total{level="error"}"#), Some(1.0));
}

/// Threads that take readings.
fn readers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "readings").count()
}
