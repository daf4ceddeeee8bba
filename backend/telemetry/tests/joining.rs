//! A service that was there before: it keeps its subscriber, its logger, its page of metrics and its environment.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use crate::service::{Service, command};

fn start(has: &str, variables: &[(&str, &str)]) -> Service {
    let mut command = command("joined");
    command.env("HAS", has).envs(variables.iter().copied());
    Service::start_command(command.stdout(Stdio::piped()).stderr(Stdio::null()))
}

const NO_TEXT: &[u8] = &[b'a', 0xff];

#[test]
fn a_service_keeps_its_subscriber_and_its_events_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start("a subscriber", &[("LOG__DIR", folder.path().to_str().unwrap())]);
    assert!(service.ask("GET", "/hello").ends_with("hello"));
    let page = service.ask("GET", "/internal/metrics");
    assert!(page.contains("http_requests_total{method=\"GET\",endpoint=\"/hello\",status=\"200\"} 1"), "{page}");
    let events = page.lines().find_map(|line| line.strip_prefix("log_events_total{level=\"info\"} ")).unwrap();
    assert!(events.parse::<u32>().unwrap() >= 1, "{page}");
    assert!(service.stop().success());
    let said = service.output();
    assert_eq!(said.matches("said hello").count(), 1, "{said}");
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(file).unwrap();
    assert!(lines.contains("said hello") && lines.contains("request_id"), "{lines}");
}

#[test]
fn a_start_over_a_subscriber_is_an_error_that_says_what_to_do() {
    let mut command = command("joined");
    // Not an address, so that it ends in any case.
    let output = command.env("HAS", "a subscriber, unsaid").env("ADDRESS", "nowhere").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("a tracing subscriber is installed already; start with Telemetry::join"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_logger_of_the_service_stays_what_it_is() {
    let mut service = start("a logger", &[]);
    assert!(service.ask("GET", "/hello").ends_with("hello"));
    assert!(service.stop().success());
    let said = service.output();
    assert!(said.contains("their logger: logged hello"), "{said}");
}

#[test]
fn a_page_of_the_service_stays_and_ours_is_elsewhere() {
    let service = start("a logger", &[]);
    assert!(service.page().ends_with("their page"));
    assert!(service.ask("GET", "/internal/metrics").contains("app_info{service=\"joined\""));
}

#[test]
fn a_recorder_of_the_service_gets_the_catalogue() {
    let mut service = start("a recorder", &[]);
    assert!(service.ask("GET", "/hello").ends_with("hello"));
    // Its page, its buckets; our labels, help and series that are known in advance.
    service.await_line(r#"http_requests_total{method="GET",endpoint="/hello",status="200"} 1"#);
    let page = service.page();
    let has = |line: &str| assert!(page.lines().any(|found| found == line), "{line} is not in {page}");
    has("# TYPE http_request_duration_seconds histogram");
    let buckets = r#"http_request_duration_seconds_bucket{method="GET",endpoint="/hello",le="#;
    let bounds: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(buckets)).collect();
    assert_eq!(bounds, [r#""0.5"} 1"#, r#""30"} 1"#, r#""+Inf"} 1"#]);
    has(r#"log_events_total{level="error"} 0"#);
    assert!(page.contains("# HELP http_requests_total ") && page.contains("\napp_info{service=\"joined\""), "{page}");
    // Readings, and none of the routes that only our registry has.
    service.await_value("process_resident_memory_bytes");
    assert!(service.ask("GET", "/internal/metrics").starts_with("HTTP/1.1 404"));
    assert!(service.stop().success());
}

#[test]
fn caps_and_closed_labels_hold_with_a_recorder_of_the_service() {
    let service = start("a recorder", &[]);
    for shop in ["north", "south", "east", "west"] {
        service.ask("GET", &format!("/orders/{shop}"));
    }
    let page = service.page();
    let mut orders: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("shop_orders_total")).collect();
    orders.sort_unstable();
    let expected = [
        r#"{outcome="other",shop="north"} 1"#,
        r#"{outcome="other",shop="overflow"} 3"#,
        r#"{outcome="paid",shop="north"} 1"#,
        r#"{outcome="paid",shop="overflow"} 2"#,
        r#"{outcome="paid",shop="south"} 1"#,
    ];
    assert_eq!(orders, expected);
}

#[test]
fn a_recorder_that_telemetry_was_not_told_of_is_an_error() {
    for (has, variable, expected) in [
        (
            "a recorder, unsaid",
            ("A", "1"),
            "another metrics recorder is installed in this process; start with Telemetry::join_recorder",
        ),
        ("a recorder, too late", ("A", "1"), "no metrics recorder is installed in this process; install it before"),
        ("a recorder", ("STATSD__ENABLED", "true"), "STATSD__ENABLED: found true, expected false"),
    ] {
        let mut command = command("joined");
        let output = command.env("HAS", has).env("ADDRESS", "nowhere").envs([variable]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected) && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn with_monitoring_off_a_recorder_of_the_service_gets_nothing() {
    let service = start("a recorder", &[("PROMETHEUS__ENABLED", "false")]);
    assert!(service.ask("GET", "/hello").ends_with("hello"));
    assert!(!service.page().contains("http_requests_total"));
}

#[test]
fn statements_are_asked_for_only_where_they_are_measured() {
    for (prometheus, statsd) in [("true", "false"), ("false", "false"), ("false", "true")] {
        let service = start("a logger", &[("PROMETHEUS__ENABLED", prometheus), ("STATSD__ENABLED", statsd)]);
        let asked = (prometheus == "true" || statsd == "true").to_string();
        assert!(service.ask("GET", "/statements").ends_with(&asked), "{prometheus}, {statsd}");
    }
}

#[test]
fn the_environment_of_others_need_not_be_text() {
    let mut command = command("minimal");
    command.env("SOMEBODYS", OsStr::from_bytes(NO_TEXT)).env("SOMEBODYS__OWN", OsStr::from_bytes(NO_TEXT));
    let service = Service::start_command(command.stderr(Stdio::null()));
    assert!(service.ask("GET", "/livez").ends_with("ok"));
}

#[test]
fn a_setting_that_is_no_text_is_an_error_that_names_it() {
    for variable in ["LOG__LEVEL", "APP__ENVIRONMENT"] {
        let output = command("minimal").env(variable, OsStr::from_bytes(NO_TEXT)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains(&format!("{variable}: found bytes that are not UTF-8, expected text")), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
