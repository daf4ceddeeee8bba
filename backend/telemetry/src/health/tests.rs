use super::*;

#[tokio::test]
async fn a_hanging_check_fails_alone_at_its_deadline() {
    let checks = Checks::default()
        .required("database", Duration::from_secs(1), || async { Ok("fine".to_owned()) })
        .optional("provider", Duration::from_millis(50), || async { std::future::pending().await })
        .disabled("telegram", "TELEGRAM__ENABLED is false");
    let started = Instant::now();
    let report = checks.report().await;
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(report.status, ServiceStatus::Degraded);
    assert!(report.is_serving());
    assert_eq!(report.checks["database"].healthy, Some(true));
    assert_eq!(report.checks["provider"].message, "no answer within 50 ms");
    let telegram = &report.checks["telegram"];
    assert_eq!((telegram.status, telegram.healthy), (Status::Disabled, None));
    assert_eq!(telegram.message, "TELEGRAM__ENABLED is false");
}

#[tokio::test]
async fn a_failed_required_check_is_an_error() {
    let checks = Checks::default()
        .required("database", Duration::from_secs(1), || async { Err("connection refused".to_owned()) });
    let report = checks.report().await;
    assert_eq!(report.status, ServiceStatus::Error);
    assert!(!report.is_serving());
}

#[tokio::test]
async fn a_panicking_check_fails_alone() {
    let checks = Checks::default().optional("fragile", Duration::from_secs(1), || async { panic!("bug") }).required(
        "database",
        Duration::from_secs(1),
        || async { Ok("fine".to_owned()) },
    );
    let report = checks.report().await;
    assert_eq!(report.checks["fragile"].healthy, Some(false));
    assert_eq!(report.status, ServiceStatus::Degraded, "an optional check stays optional when it panics");
    assert_eq!(report.checks["database"].healthy, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_blocks_its_thread_fails_at_its_deadline() {
    let checks = Checks::default().optional("blocking", Duration::from_millis(50), || async {
        std::thread::sleep(Duration::from_secs(3));
        Ok("late".to_owned())
    });
    let started = Instant::now();
    assert_eq!(checks.report().await.checks["blocking"].message, "no answer within 50 ms");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn the_required_checks_alone_do_not_wait_for_the_others() {
    let checks = Checks::default()
        .required("database", Duration::from_secs(1), || async { Ok("fine".to_owned()) })
        .optional("provider", Duration::from_secs(5), || async { std::future::pending().await })
        .disabled("telegram", "off");
    let started = Instant::now();
    let report = checks.report_required().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(
        (report.status, report.checks.keys().copied().collect::<Vec<_>>()),
        (ServiceStatus::Ok, vec!["database"])
    );
}

#[tokio::test]
async fn a_check_runs_once_a_second_whatever_report_asks() {
    let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = runs.clone();
    let checks = Checks::default().required("database", Duration::from_secs(5), move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async { Ok("fine".to_owned()) }
    });
    let (all, required) = tokio::join!(checks.report(), checks.report_required());
    assert_eq!(all, required);
    assert_eq!(checks.report().await, all);
    assert_eq!(runs.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn a_switched_off_check_has_no_series() {
    let work: Work = Arc::new(|| Box::pin(async { Err("gone".to_owned()) }));
    let on = Kind::Enabled { required: false, deadline: Duration::from_secs(1), work };
    let series = crate::testing::changed_series_async(async {
        run("loki", on).await;
        run("telegram", Kind::Disabled("off".to_owned())).await;
    });
    assert_eq!(series.len(), 2, "{series:?}");
    assert!(series.iter().all(|series| series.contains("{check=\"loki\"}")), "{series:?}");
}
